import { CreateMultipartUploadCommand, ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { makeOnce, readPlan, restoreContextSchema } from '../runtime/ledger.ts';
import { s3 } from '../runtime/s3.ts';
import { makeStep } from '../runtime/step.ts';
import { cutIntoBatches } from './upload/batches.ts';
import { PART_CHECKSUM } from './upload/complete.ts';
import { plannedUpload, uploadedDisk } from './upload/planned.ts';

const inputSchema = restoreContextSchema.extend({ diskId: z.string() });

/** Starts the multipart upload of a disk's RAW object and cuts the disk into batches of segments. */
export const handler = makeStep(inputSchema, async ({ diskId, ...context }) => {
  const plan = await readPlan(context);
  const { objectKey: Key, segmentCount, batchSegments } = uploadedDisk(plan, diskId);
  const { temporaryBucket: Bucket } = plannedUpload(plan);
  const uploadId = await makeOnce({
    context,
    entry: { kind: 'upload', name: diskId },
    diskId,
    step: 'start-disk-upload',
    find: async () => {
      const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket, Prefix: Key }));
      return Uploads.find((upload) => upload.Key === Key)?.UploadId;
    },
    create: async () => {
      const { UploadId } = await s3.send(
        new CreateMultipartUploadCommand({ Bucket, Key, ChecksumAlgorithm: PART_CHECKSUM }),
      );
      return UploadId ?? '';
    },
  });
  return { uploadId, batches: cutIntoBatches(segmentCount, batchSegments) };
});
