import { z } from 'zod';
import { describeInstance } from '../runtime/describe.ts';
import { markReady, restoreContextSchema } from '../runtime/ledger.ts';
import { nextPoll, pollSchema, unseen, withReason } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';

const inputSchema = restoreContextSchema.extend({ instanceId: z.string().min(1), poll: pollSchema });

/** Looks at the target's state. */
export const handler = makeStep(inputSchema, async ({ instanceId, poll, ...context }) => {
  const found = await describeInstance({ id: instanceId });
  const status = found?.State?.Name ?? unseen(poll);
  // The target is made to be stopped; running comes before that, and after hand-over.
  if (status === 'stopped') await markReady(context, { kind: 'instance', name: 'target' });
  const message = withReason(`target ${instanceId} is ${status}`, found?.StateReason?.Message);
  return { status, message, instanceId, poll: nextPoll(poll) };
});
