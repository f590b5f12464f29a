import { TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import { ordersKey } from '../../core/model/helper.ts';
import { awsErrorCode } from '../runtime/aws-errors.ts';
import { removeRecord } from '../runtime/control-bucket.ts';
import { ec2 } from '../runtime/ec2.ts';
import { amendEntry, readEntry, readPlan } from '../runtime/ledger.ts';
import { firstPoll } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';
import { folderOf, helperContextSchema } from './helper/planned.ts';

/**
 * Ends a helper in two ways at once: takes its orders away, which makes it shut itself down where it still can, and
 * terminates it. Terminating what is terminated already is fine.
 */
export const handler = makeStep(helperContextSchema, async ({ instance, instanceId, ...context }) => {
  const plan = await readPlan(context);
  await removeRecord(ordersKey(folderOf(plan, instanceId)));
  const order = { kind: 'order', name: instance } as const;
  const moment = new Date().toISOString();
  // One that was lost before it was up has had no orders.
  if (await readEntry(context, order)) await amendEntry(context, order, { removedAt: moment });
  await terminate(instanceId);
  await amendEntry(context, { kind: 'instance', name: instance }, { removalAskedAt: moment });
  return { instance, instanceId, poll: firstPoll(5, 30) };
});

async function terminate(instanceId: string): Promise<void> {
  try {
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: [instanceId] }));
  } catch (error) {
    // EC2 forgets an instance an hour or so after its end. Whether it has ended is looked at after this.
    if (awsErrorCode(error) !== 'InvalidInstanceID.NotFound') throw error;
  }
}
