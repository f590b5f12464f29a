import { StopInstancesCommand } from '@aws-sdk/client-ec2';
import { ec2 } from '../runtime/ec2.ts';
import { makeOnce, readPlan, restoreContextSchema } from '../runtime/ledger.ts';
import { firstPoll } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';
import { originalAsPlanned } from './original/as-planned.ts';
import { plannedOriginal } from './target/planned.ts';

/**
 * Stops the original instance in the orderly way: its old volumes are kept, and are to be whole. The entry says that
 * it ran, so that an undo starts it again; one that was stopped already is left so.
 */
export const handler = makeStep(restoreContextSchema, async (context) => {
  const original = plannedOriginal(await readPlan(context));
  const { instanceId } = original;
  const { State } = await originalAsPlanned(original, context.restoreId);
  if (State?.Name === 'running' || State?.Name === 'pending') {
    await makeOnce({
      context,
      entry: { kind: 'stop', name: 'target' },
      step: 'stop-original',
      create: async () => {
        await ec2.send(new StopInstancesCommand({ InstanceIds: [instanceId] }));
        return instanceId;
      },
    });
  }
  return { instanceId, poll: firstPoll(10, 30) };
});
