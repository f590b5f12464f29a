import { DeleteSnapshotCommand } from '@aws-sdk/client-ec2';
import { awsErrorCode } from '../../runtime/aws-errors.ts';
import { describeSnapshot } from '../../runtime/describe.ts';
import { ec2 } from '../../runtime/ec2.ts';
import { going, kept, makeRemover } from './removal.ts';

// A deregistered image holds its snapshot for some minutes more; an image of somebody else holds it for good.
const IMAGE_LETS_GO_SECONDS = 900;

/** Deletes a snapshot; a volume made of it does not need it any more, even while it is still being filled. */
export const removeSnapshot = makeRemover({
  describe: describeSnapshot,
  idOf: ({ SnapshotId }) => SnapshotId,
  remove: async (_snapshot, id, { waitedSeconds }) => {
    try {
      await ec2.send(new DeleteSnapshotCommand({ SnapshotId: id }));
      return { outcome: 'gone', resourceId: id };
    } catch (error) {
      if (awsErrorCode(error) !== 'InvalidSnapshot.InUse') throw error;
      return waitedSeconds < IMAGE_LETS_GO_SECONDS ? going : kept('an image uses it');
    }
  },
});
