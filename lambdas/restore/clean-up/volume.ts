import { DeleteVolumeCommand, DescribeVolumesCommand, type Volume } from '@aws-sdk/client-ec2';
import { awsErrorCode } from '../../runtime/aws-errors.ts';
import { ec2 } from '../../runtime/ec2.ts';
import { entryFilters } from '../../runtime/ledger.ts';
import { going, gone, kept, type Removal, type Removing, unansweredIntent, whyKept } from './removal.ts';

/** Deletes a volume once nothing uses it. */
export async function removeVolume({ context, entry }: Removing): Promise<Removal> {
  const volume = await find(
    entry.resourceId === undefined
      ? { Filters: entryFilters(context, entry) }
      : { VolumeIds: [entry.resourceId] },
  );
  if (!volume?.VolumeId) return entry.resourceId === undefined ? unansweredIntent(entry) : gone;
  const because = whyKept(volume.Tags, context);
  if (because !== undefined) return kept(because);
  switch (volume.State) {
    case 'available':
    case 'error':
      return (await deleteVolume(volume.VolumeId)) ? { outcome: 'gone', resourceId: volume.VolumeId } : going;
    case 'deleted':
      return { outcome: 'gone', resourceId: volume.VolumeId };
    default:
      // creating, in-use (its instance is going), deleting.
      return going;
  }
}

/** True when it is gone; false when it got into use in between or is being deleted. */
async function deleteVolume(VolumeId: string): Promise<boolean> {
  try {
    await ec2.send(new DeleteVolumeCommand({ VolumeId }));
    return false;
  } catch (error) {
    const code = awsErrorCode(error);
    if (code === 'InvalidVolume.NotFound') return true;
    if (code === 'VolumeInUse' || code === 'IncorrectState') return false;
    throw error;
  }
}

async function find(by: {
  VolumeIds?: string[];
  Filters?: { Name: string; Values: string[] }[];
}): Promise<Volume | undefined> {
  try {
    return (await ec2.send(new DescribeVolumesCommand(by))).Volumes?.[0];
  } catch (error) {
    if (awsErrorCode(error) === 'InvalidVolume.NotFound') return undefined;
    throw error;
  }
}
