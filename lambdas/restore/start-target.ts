import { StartInstancesCommand } from '@aws-sdk/client-ec2';
import { ec2 } from '../runtime/ec2.ts';
import { resourceOf, restoreContextSchema } from '../runtime/ledger.ts';
import { firstPoll } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';

/** Starts the restored instance: the first time that anything of the restored disks runs. */
export const handler = makeStep(restoreContextSchema, async (context) => {
  const instanceId = await resourceOf(context, { kind: 'instance', name: 'target' });
  await ec2.send(new StartInstancesCommand({ InstanceIds: [instanceId] }));
  return { instanceId, poll: firstPoll(10, 30) };
});
