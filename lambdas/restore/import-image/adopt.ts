import {
  type BlockDeviceMapping,
  CreateTagsCommand,
  type Image,
  type ImportImageTask,
  type SnapshotDetail,
} from '@aws-sdk/client-ec2';
import { LandfallError } from '../../../core/model/errors.ts';
import type { Plan } from '../../../core/model/plan.ts';
import { IMPORTED } from '../../../core/model/restore-record.ts';
import { ec2 } from '../../runtime/ec2.ts';
import { adoptSnapshot } from '../../runtime/import-task.ts';
import { makeTagged, type RestoreContext } from '../../runtime/ledger.ts';
import { plannedImport } from './planned.ts';

/** What VM Import made is not the machine that it was given. */
export class ImportedImageUnexpected extends LandfallError {
  override readonly name = 'ImportedImageUnexpected';
}

/**
 * Enters image and snapshots of a completed import in the ledger, and tags them as ours: ImportImage tags the task only.
 * The image comes first, which clean-up needs to let go of the snapshots.
 */
export async function adoptImage(
  context: RestoreContext,
  { image, snapshots, step }: { image: Image; snapshots: ReadonlyMap<string, string>; step: string },
): Promise<void> {
  const imageId = image.ImageId ?? '';
  await makeTagged(
    context,
    { kind: 'image', name: IMPORTED },
    {
      resourceId: imageId,
      step,
      tag: async (Tags) => {
        await ec2.send(new CreateTagsCommand({ Resources: [imageId], Tags }));
      },
    },
  );
  for (const [diskId, snapshotId] of snapshots) await adoptSnapshot(context, { diskId, snapshotId, step });
}

/**
 * The image's snapshot of every disk that was imported. AWS says nowhere how the disks of an answer relate to those of
 * the request: an object or a description that is told decides, else the order.
 * @throws ImportedImageUnexpected when a disk has no snapshot, two have the same, or the boot disk is not the root
 */
export function snapshotsOfDisks(plan: Plan, task: ImportImageTask, image: Image): Map<string, string> {
  const { diskIds } = plannedImport(plan);
  const details = task.SnapshotDetails ?? [];
  const found = new Map<string, string>();
  for (const [place, diskId] of diskIds.entries()) {
    const detail = details.find((each) => isOf(each, plan, diskId)) ?? details[place];
    const mapping = detail && mappingOf(detail, image);
    const snapshotId = mapping?.Ebs?.SnapshotId;
    if (snapshotId === undefined || [...found.values()].includes(snapshotId)) {
      throw new ImportedImageUnexpected(`image ${image.ImageId} has no volume of its own for disk ${diskId}`);
    }
    const isRoot = mapping?.DeviceName === image.RootDeviceName;
    if (isRoot !== (place === 0)) {
      throw new ImportedImageUnexpected(`image ${image.ImageId} boots from another disk than ${diskIds[0]}`);
    }
    found.set(diskId, snapshotId);
  }
  return found;
}

function mappingOf(
  { DeviceName, SnapshotId }: SnapshotDetail,
  { BlockDeviceMappings = [] }: Image,
): BlockDeviceMapping | undefined {
  return BlockDeviceMappings.find((mapping) =>
    DeviceName ? mapping.DeviceName === DeviceName : mapping.Ebs?.SnapshotId === SnapshotId,
  );
}

function isOf({ UserBucket, Description }: SnapshotDetail, plan: Plan, diskId: string): boolean {
  const objectKey = plan.disks.find(({ id }) => id === diskId)?.upload?.objectKey;
  if (UserBucket?.S3Key !== undefined) return UserBucket.S3Key === objectKey;
  return Description === diskId;
}
