import { StartInstancesCommand } from '@aws-sdk/client-ec2';
import { ec2 } from '../runtime/ec2.ts';
import { makeOnce, readPlan, restoreContextSchema } from '../runtime/ledger.ts';
import { firstPoll } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';
import { targetInstance } from './target/planned.ts';

const entry = { kind: 'start', name: 'target' } as const;

/** Starts the restored instance: the first time that anything of the restored disks runs. */
export const handler = makeStep(restoreContextSchema, async (context) => {
  const instanceId = await targetInstance(context, await readPlan(context));
  await makeOnce({
    context,
    entry,
    step: 'start-target',
    // Starting what runs already is fine.
    create: async () => {
      await ec2.send(new StartInstancesCommand({ InstanceIds: [instanceId] }));
      return instanceId;
    },
  });
  return { instanceId, poll: firstPoll(10, 30) };
});
