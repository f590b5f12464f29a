import { z } from 'zod';
import { describeVolume } from '../runtime/describe.ts';
import { markReady, restoreContextSchema } from '../runtime/ledger.ts';
import { nextPoll, pollSchema, unseen } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';

const inputSchema = restoreContextSchema.extend({
  /** Ledger name of the volume: a disk id, `launch` or `placeholder-root`. */
  volume: z.string(),
  volumeId: z.string().min(1),
  poll: pollSchema,
});

/** Looks at a volume's state. A volume whose key EC2 cannot use is created first, and turns `error` or vanishes later. */
export const handler = makeStep(inputSchema, async ({ volume, volumeId, poll, ...context }) => {
  const status = (await describeVolume({ id: volumeId }))?.State ?? unseen(poll);
  if (status === 'available') await markReady(context, { kind: 'volume', name: volume });
  return { status, message: `volume ${volumeId} (${volume}) is ${status}`, volumeId, poll: nextPoll(poll) };
});
