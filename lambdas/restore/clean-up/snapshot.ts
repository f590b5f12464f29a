import { DeleteSnapshotCommand, DescribeSnapshotsCommand, type Snapshot } from '@aws-sdk/client-ec2';
import { awsErrorCode } from '../../runtime/aws-errors.ts';
import { ec2 } from '../../runtime/ec2.ts';
import { entryFilters } from '../../runtime/ledger.ts';
import { gone, kept, type Removal, type Removing, unansweredIntent, whyKept } from './removal.ts';

/** Deletes a snapshot; a volume made of it does not need it any more, even while it is still being filled. */
export async function removeSnapshot({ context, entry }: Removing): Promise<Removal> {
  const snapshot = await find(
    entry.resourceId === undefined
      ? { OwnerIds: ['self'], Filters: entryFilters(context, entry) }
      : { SnapshotIds: [entry.resourceId] },
  );
  if (!snapshot?.SnapshotId) return entry.resourceId === undefined ? unansweredIntent(entry) : gone;
  const because = whyKept(snapshot.Tags, context);
  if (because !== undefined) return kept(because);
  try {
    await ec2.send(new DeleteSnapshotCommand({ SnapshotId: snapshot.SnapshotId }));
  } catch (error) {
    const code = awsErrorCode(error);
    // An image that is not ours was made of it in the meantime.
    if (code === 'InvalidSnapshot.InUse') return kept('an image uses it');
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
