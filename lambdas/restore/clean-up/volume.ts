import { DeleteVolumeCommand } from '@aws-sdk/client-ec2';
import { awsErrorCode } from '../../runtime/aws-errors.ts';
import { describeVolume } from '../../runtime/describe.ts';
import { ec2 } from '../../runtime/ec2.ts';
import { asked, going, kept, makeRemover, type Removal } from './removal.ts';

/** Deletes a volume once nothing uses it. */
export const removeVolume = makeRemover({
  describe: describeVolume,
  idOf: ({ VolumeId }) => VolumeId,
  isGone: ({ State }) => State === 'deleted',
  remove: async ({ State, Attachments }, id, { entries }) => {
    switch (State) {
      case 'available':
      case 'error':
        return deleteVolume(id);
      case 'in-use': {
        // Its instance is going, or gives it back; unless that one could not be put back as it was.
        const isStuck = entries.some(
          ({ kind, resourceId, keptBecause }) =>
            kind === 'original' && keptBecause && resourceId === Attachments?.[0]?.InstanceId,
        );
        return isStuck ? kept('it is attached to the original instance') : going;
      }
      default:
        // creating, deleting.
        return going;
    }
  },
});

async function deleteVolume(VolumeId: string): Promise<Removal> {
  try {
    await ec2.send(new DeleteVolumeCommand({ VolumeId }));
    return asked;
  } catch (error) {
    const code = awsErrorCode(error);
    // It got into use in between, or is being deleted.
    if (code === 'VolumeInUse' || code === 'IncorrectState') return going;
    throw error;
  }
}
