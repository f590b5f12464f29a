import { z } from 'zod';
import { describeSnapshot } from '../runtime/describe.ts';
import { markReady, restoreContextSchema } from '../runtime/ledger.ts';
import { nextPoll, pollSchema, unseen, withReason } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';

const inputSchema = restoreContextSchema.extend({
  /** Ledger name of the snapshot. */
  snapshot: z.string(),
  snapshotId: z.string().min(1),
  poll: pollSchema,
});

/** Looks at a snapshot's state. */
export const handler = makeStep(inputSchema, async ({ snapshot, snapshotId, poll, ...context }) => {
  const found = await describeSnapshot({ id: snapshotId });
  const status = found?.State ?? unseen(poll);
  if (status === 'completed') await markReady(context, { kind: 'snapshot', name: snapshot });
  const message = withReason(`snapshot ${snapshotId} (${snapshot}) is ${status}`, found?.StateMessage);
  return { status, message, snapshotId, name: snapshot, poll: nextPoll(poll) };
});
