import { z } from 'zod';

/**
 * The state of one wait loop, carried through the state machine: seconds waited so far (against which the loop's
 * deadline is held, so that scaled and real time agree), the next wait, and how far waits may grow.
 */
export const pollSchema = z.strictObject({
  waitedSeconds: z.number().int().nonnegative(),
  waitSeconds: z.number().int().positive(),
  maxWaitSeconds: z.number().int().positive(),
});
export type Poll = z.infer<typeof pollSchema>;

/** A loop that has not waited yet. */
export function firstPoll(waitSeconds: number, maxWaitSeconds: number): Poll {
  return { waitedSeconds: 0, waitSeconds, maxWaitSeconds };
}

/** The loop after one more wait: half as long again each time, up to its limit. */
export function nextPoll({ waitedSeconds, waitSeconds, maxWaitSeconds }: Poll): Poll {
  return {
    waitedSeconds: waitedSeconds + waitSeconds,
    waitSeconds: Math.min(Math.ceil(waitSeconds * 1.5), maxWaitSeconds),
    maxWaitSeconds,
  };
}
