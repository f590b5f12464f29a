import { z } from 'zod';
import { ordersKey } from '../../core/model/helper.ts';
import { removeRecord } from '../runtime/control-bucket.ts';
import { amendEntry, readEntry, readPlan } from '../runtime/ledger.ts';
import { firstPoll } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';
import { folderOf, helperContextSchema } from './helper/planned.ts';
import { terminateHelper } from './helper/terminate.ts';

const inputSchema = helperContextSchema.extend({
  because: z.enum(['done', 'lost']).default('done'),
});

/**
 * Ends a helper in two ways at once: takes its orders away, which makes it shut itself down where it still can, and
 * terminates it. One that is ending already is left to it.
 */
export const handler = makeStep(inputSchema, async ({ instance, instanceId, because, ...context }) => {
  const plan = await readPlan(context);
  await removeRecord(ordersKey(folderOf(plan, instanceId)));
  const order = { kind: 'order', name: instance } as const;
  const moment = new Date().toISOString();
  // One that was lost before it was up has had no orders.
  if (await readEntry(context, order)) await amendEntry(context, order, { removedAt: moment });
  await terminateHelper(instanceId, because);
  await amendEntry(context, { kind: 'instance', name: instance }, { removalAskedAt: moment });
  // The end of one that hangs may take EC2 hours; looks that are far apart keep the execution's history short.
  return { instance, instanceId, poll: firstPoll(5, because === 'lost' ? 120 : 30) };
});
