import { z } from 'zod';
import { describeInstance } from '../runtime/describe.ts';
import { markReady, restoreContextSchema } from '../runtime/ledger.ts';
import { nextPoll, pollSchema, unseen, withReason } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';

const inputSchema = restoreContextSchema.extend({
  /** Ledger name of the instance: `target`, `helper-1`, … */
  instance: z.string().min(1),
  instanceId: z.string().min(1),
  poll: pollSchema,
});

/** Looks at an instance's state. */
export const handler = makeStep(inputSchema, async ({ instance, instanceId, poll, ...context }) => {
  const found = await describeInstance({ id: instanceId });
  const status = found?.State?.Name ?? unseen(poll);
  // The target is made to be stopped; running comes before that, and after hand-over. A helper is made to run.
  const madeFor = instance === 'target' ? 'stopped' : 'running';
  if (status === madeFor) await markReady(context, { kind: 'instance', name: instance });
  const message = withReason(`${instance} ${instanceId} is ${status}`, found?.StateReason?.Message);
  return { status, message, instance, instanceId, poll: nextPoll(poll) };
});
