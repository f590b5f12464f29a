import { TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import { describeInstance } from '../../runtime/describe.ts';
import { ec2 } from '../../runtime/ec2.ts';
import { asked, makeRemover } from './removal.ts';

/** Terminates a target or helper; it is gone when EC2 says `terminated`, not when the call was accepted. */
export const removeInstance = makeRemover({
  describe: describeInstance,
  idOf: ({ InstanceId }) => InstanceId,
  isGone: ({ State }) => State?.Name === 'terminated',
  remove: async ({ State }, id) => {
    if (State?.Name !== 'shutting-down') {
      await ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
    }
    return asked;
  },
});
