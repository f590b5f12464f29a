import { DeregisterImageCommand } from '@aws-sdk/client-ec2';
import { describeImage } from '../../runtime/describe.ts';
import { ec2 } from '../../runtime/ec2.ts';
import { makeRemover } from './removal.ts';

/** Deregisters the launch image; instances launched from it are not touched by that. Its snapshots have entries of their own. */
export const removeImage = makeRemover({
  describe: describeImage,
  idOf: ({ ImageId }) => ImageId,
  isGone: ({ State }) => State === 'deregistered',
  remove: async (_image, id) => {
    await ec2.send(new DeregisterImageCommand({ ImageId: id }));
    return { outcome: 'gone', resourceId: id };
  },
});
