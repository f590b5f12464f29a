import { ImportSnapshotCommand } from '@aws-sdk/client-ec2';
import { z } from 'zod';
import { ec2 } from '../runtime/ec2.ts';
import { makeOnce, readPlan, restoreContextSchema } from '../runtime/ledger.ts';
import { firstPoll } from '../runtime/poll.ts';
import { environment, makeStep } from '../runtime/step.ts';
import { plannedUpload, uploadedDisk } from './upload/planned.ts';

const inputSchema = restoreContextSchema.extend({ diskId: z.string() });

/** Asks VM Import to make a snapshot of a disk's RAW object. */
export const handler = makeStep(inputSchema, async ({ diskId, ...context }) => {
  const plan = await readPlan(context);
  const disk = uploadedDisk(plan, diskId);
  const entry = { kind: 'import-task', name: diskId } as const;
  const taskId = await makeOnce({
    context,
    entry,
    diskId,
    step: 'import-snapshot',
    create: async ({ clientToken, tags }) => {
      const { ImportTaskId } = await ec2.send(
        new ImportSnapshotCommand({
          // The SDK fills no token in for this operation.
          ClientToken: clientToken,
          Description: `landfall restore ${plan.restoreId}, disk ${diskId}`,
          DiskContainer: {
            Format: 'RAW',
            UserBucket: { S3Bucket: plannedUpload(plan).temporaryBucket, S3Key: disk.objectKey },
          },
          RoleName: environment().IMPORT_ROLE_NAME,
          ...(disk.encrypted ? { Encrypted: true } : {}),
          ...(disk.kmsKeyId === undefined ? {} : { KmsKeyId: disk.kmsKeyId }),
          TagSpecifications: [{ ResourceType: 'import-snapshot-task', Tags: tags }],
        }),
      );
      return ImportTaskId ?? '';
    },
  });
  return { taskId, poll: firstPoll(15, 60) };
});
