import { DeleteSnapshotCommand, DescribeSnapshotsCommand, type Snapshot } from '@aws-sdk/client-ec2';
import { awsErrorCode } from '../../runtime/aws-errors.ts';
import { ec2 } from '../../runtime/ec2.ts';
import { entryFilters } from '../../runtime/ledger.ts';
import { going, kept, notFound, type Removal, type Removing, whyNot } from './removal.ts';

const IMAGE_LETS_GO_SECONDS = 900;

/** Deletes a snapshot; a volume made of it does not need it any more, even while it is still being filled. */
export async function removeSnapshot(removing: Removing): Promise<Removal> {
  const { context, entry } = removing;
  const snapshot = await find(
    entry.resourceId === undefined
      ? { OwnerIds: ['self'], Filters: entryFilters(context, entry) }
      : { SnapshotIds: [entry.resourceId] },
  );
  if (!snapshot?.SnapshotId) return notFound(removing);
  const stays = whyNot(snapshot.Tags, removing);
  if (stays) return stays;
  try {
    await ec2.send(new DeleteSnapshotCommand({ SnapshotId: snapshot.SnapshotId }));
  } catch (error) {
    const code = awsErrorCode(error);
    // A deregistered image holds its snapshot for some minutes more; an image of somebody else holds it for good.
    if (code === 'InvalidSnapshot.InUse') {
      return removing.waitedSeconds < IMAGE_LETS_GO_SECONDS ? going : kept('an image uses it');
    }
    if (code !== 'InvalidSnapshot.NotFound') throw error;
  }
  return { outcome: 'gone', resourceId: snapshot.SnapshotId };
}

async function find(by: {
  SnapshotIds?: string[];
  OwnerIds?: string[];
  Filters?: { Name: string; Values: string[] }[];
}): Promise<Snapshot | undefined> {
  try {
    return (await ec2.send(new DescribeSnapshotsCommand(by))).Snapshots?.[0];
  } catch (error) {
    if (awsErrorCode(error) === 'InvalidSnapshot.NotFound') return undefined;
    throw error;
  }
}
