import { DeleteVolumeCommand, DescribeVolumesCommand, type Volume } from '@aws-sdk/client-ec2';
import { awsErrorCode } from '../../runtime/aws-errors.ts';
import { ec2 } from '../../runtime/ec2.ts';
import { entryFilters } from '../../runtime/ledger.ts';
import { asked, going, notFound, type Removal, type Removing, whyNot } from './removal.ts';

/** Deletes a volume once nothing uses it. */
export async function removeVolume(removing: Removing): Promise<Removal> {
  const { context, entry } = removing;
  const volume = await find(
    entry.resourceId === undefined
      ? { Filters: entryFilters(context, entry) }
      : { VolumeIds: [entry.resourceId] },
  );
  if (!volume?.VolumeId) return notFound(removing);
  const stays = whyNot(volume.Tags, removing);
  if (stays) return stays;
  switch (volume.State) {
    case 'available':
    case 'error':
      return deleteVolume(volume.VolumeId);
    case 'deleted':
      return { outcome: 'gone', resourceId: volume.VolumeId };
    default:
      // creating, in-use (its instance is going), deleting.
      return going;
  }
}

async function deleteVolume(VolumeId: string): Promise<Removal> {
  try {
    await ec2.send(new DeleteVolumeCommand({ VolumeId }));
    return asked;
  } catch (error) {
    const code = awsErrorCode(error);
    if (code === 'InvalidVolume.NotFound') return { outcome: 'gone', resourceId: VolumeId };
    // It got into use in between, or is being deleted.
    if (code === 'VolumeInUse' || code === 'IncorrectState') return going;
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
