import { type CompletedPart, ListPartsCommand } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { LandfallError } from '../../core/model/errors.ts';
import { markReady, readPlan, restoreContextSchema } from '../runtime/ledger.ts';
import { s3 } from '../runtime/s3.ts';
import { makeStep } from '../runtime/step.ts';
import { completeUpload, objectSize } from './upload/complete.ts';
import { partsOf } from './upload/parts.ts';
import { plannedUpload, type UploadedDisk, uploadedDisk } from './upload/planned.ts';

/** The parts in S3 do not add up to the disk. */
export class UploadIncomplete extends LandfallError {
  override readonly name = 'UploadIncomplete';
}

const inputSchema = restoreContextSchema.extend({ diskId: z.string(), uploadId: z.string().min(1) });

/** Completes a disk's RAW object from the parts that S3 lists, after holding each one's size against the plan. */
export const handler = makeStep(inputSchema, async ({ diskId, uploadId, ...context }) => {
  const plan = await readPlan(context);
  const disk = uploadedDisk(plan, diskId);
  const object = { Bucket: plannedUpload(plan).temporaryBucket, Key: disk.objectKey };
  // An earlier try may have completed it and lost the answer.
  if ((await objectSize(object)) !== disk.size) {
    const parts = await listParts({ ...object, UploadId: uploadId });
    checkParts(disk, parts);
    await completeUpload(object, {
      uploadId,
      parts: parts.map(({ PartNumber, ETag, ChecksumCRC32 }) => ({ PartNumber, ETag, ChecksumCRC32 })),
      bytes: disk.size,
    });
  }
  await markReady(context, { kind: 'upload', name: diskId });
  return { bytes: disk.size };
});

interface ListedPart extends CompletedPart {
  readonly Size?: number;
}

async function listParts(upload: { Bucket: string; Key: string; UploadId: string }): Promise<ListedPart[]> {
  const parts: ListedPart[] = [];
  let marker: string | undefined;
  do {
    const page = await s3.send(new ListPartsCommand({ ...upload, PartNumberMarker: marker }));
    parts.push(...(page.Parts ?? []));
    marker = page.IsTruncated ? page.NextPartNumberMarker : undefined;
  } while (marker !== undefined);
  return parts;
}

function checkParts(disk: UploadedDisk, listed: readonly ListedPart[]): void {
  const sizes = new Map(listed.map(({ PartNumber, Size }) => [PartNumber, Size]));
  for (const { number, bytes } of partsOf(disk, 0, disk.segmentCount)) {
    if (sizes.get(number) === bytes) continue;
    throw new UploadIncomplete(
      `part ${number} of disk ${disk.id} should hold ${bytes} bytes, S3 has ${sizes.get(number) ?? 'none'}`,
    );
  }
}
