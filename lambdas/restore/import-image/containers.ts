import type { ImageDiskContainer } from '@aws-sdk/client-ec2';
import type { Plan } from '../../../core/model/plan.ts';
import { type RestoreContext, resourceOf } from '../../runtime/ledger.ts';
import { plannedUpload, uploadedDisk } from '../upload/planned.ts';
import { plannedImport, writtenName } from './planned.ts';

/** What VM Import takes the disks from, in the plan's order: RAW objects with strategy upload, else snapshots. */
export function diskContainers(context: RestoreContext, plan: Plan): Promise<ImageDiskContainer[]> {
  return Promise.all(
    plannedImport(plan).diskIds.map(async (diskId) => ({
      Description: diskId,
      ...(plan.strategy.name === 'upload'
        ? {
            Format: 'RAW',
            UserBucket: {
              S3Bucket: plannedUpload(plan).temporaryBucket,
              S3Key: uploadedDisk(plan, diskId).objectKey,
            },
          }
        : {
            SnapshotId: await resourceOf(context, { kind: 'snapshot', name: writtenName(plan, diskId) }),
          }),
    })),
  );
}
