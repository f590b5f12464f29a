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
import { makeTagged, type RestoreContext, type Tag } from '../../runtime/ledger.ts';
import { plannedTarget } from '../target/planned.ts';
import { plannedImport } from './planned.ts';

/** What VM Import made is not the machine that it was given. */
export class ImportedImageUnexpected extends LandfallError {
  override readonly name = 'ImportedImageUnexpected';
}

interface Imported {
  readonly plan: Plan;
  readonly task: ImportImageTask;
  readonly image: Image;
}

/**
 * Enters image and snapshots of a completed import in the ledger, and tags them as ours: ImportImage tags the task only.
 * The image comes first, which clean-up needs to let go of the snapshots. What cannot be told to be a disk's is entered
 * too, under a name of its own.
 */
export async function adoptImage(
  context: RestoreContext,
  { step, ...imported }: Imported & { step: string },
): Promise<void> {
  const imageId = imported.image.ImageId ?? '';
  await makeTagged(
    context,
    { kind: 'image', name: IMPORTED },
    { resourceId: imageId, step, tag: (tags) => tagAsOurs(imageId, tags) },
  );
  const disks = snapshotsOfDisks(imported);
  for (const [place, resourceId] of snapshotsOf(imported.image).entries()) {
    const diskId = [...disks].find(([, snapshotId]) => snapshotId === resourceId)?.[0];
    await makeTagged(
      context,
      { kind: 'snapshot', name: diskId ?? `${IMPORTED}:${place}` },
      { resourceId, diskId, step, tag: (tags) => tagAsOurs(resourceId, tags) },
    );
  }
}

async function tagAsOurs(resourceId: string, Tags: Tag[]): Promise<void> {
  await ec2.send(new CreateTagsCommand({ Resources: [resourceId], Tags }));
}

/** Every snapshot of an image. */
export const snapshotsOf = ({ BlockDeviceMappings = [] }: Image): string[] =>
  BlockDeviceMappings.flatMap(({ Ebs }) => Ebs?.SnapshotId ?? []);

/** Holds what VM Import made against the plan. @throws ImportedImageUnexpected */
export function requireAsPlanned(imported: Imported): void {
  const { plan, image } = imported;
  const { ImageId, State, RootDeviceName } = image;
  const { diskIds } = plannedImport(plan);
  const disks = snapshotsOfDisks(imported);
  const root = image.BlockDeviceMappings?.find(({ DeviceName }) => DeviceName === RootDeviceName);
  const [bootDisk = ''] = diskIds;
  // The restored root is attached under the name that was planned.
  const { rootDeviceName } = plannedTarget(plan).launchImage;
  const missing = diskIds.filter((diskId) => !disks.has(diskId));
  const problems = [
    State === 'available' ? [] : `is ${State}`,
    RootDeviceName === rootDeviceName ? [] : `boots from ${RootDeviceName}, not from ${rootDeviceName}`,
    missing.length === 0 ? [] : `has no volume of its own for ${missing.join(', ')}`,
    disks.get(bootDisk) === root?.Ebs?.SnapshotId ? [] : `boots from another disk than ${bootDisk}`,
  ].flat();
  if (problems.length === 0) return;
  throw new ImportedImageUnexpected(`image ${ImageId} ${problems.join('; ')}`);
}

/**
 * The image's snapshot of every disk that was imported. AWS says nowhere how the disks of an answer relate to those of
 * the request: an object or a description that is told decides, else the order. A snapshot is one disk's alone.
 */
function snapshotsOfDisks({ plan, task, image }: Imported): Map<string, string> {
  const details = task.SnapshotDetails ?? [];
  const found = new Map<string, string>();
  for (const [place, diskId] of plannedImport(plan).diskIds.entries()) {
    const detail = details.find((each) => isOf(each, plan, diskId)) ?? details[place];
    const snapshotId = detail && mappingOf(detail, image)?.Ebs?.SnapshotId;
    if (snapshotId !== undefined && ![...found.values()].includes(snapshotId)) found.set(diskId, snapshotId);
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
