import { StopInstancesCommand } from '@aws-sdk/client-ec2';
import { ec2 } from '../runtime/ec2.ts';
import { resourceOf, restoreContextSchema } from '../runtime/ledger.ts';
import { firstPoll } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';

/** Stops the target at once: nothing of its placeholder root is worth an orderly shutdown. */
export const handler = makeStep(restoreContextSchema, async (context) => {
  const instanceId = await resourceOf(context, { kind: 'instance', name: 'target' });
  await ec2.send(new StopInstancesCommand({ InstanceIds: [instanceId], SkipOsShutdown: true }));
  return { instanceId, poll: firstPoll(10, 30) };
});
