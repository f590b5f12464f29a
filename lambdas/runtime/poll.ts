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

// EC2 is eventually consistent: what was just made may not be seen for "up to a few minutes" (EC2 API developer guide).
const VISIBLE_AFTER_SECONDS = 180;

/** Status of a thing that AWS does not know: at first it may only be too new to be seen everywhere. */
export function unseen({ waitedSeconds }: Poll): 'not-visible-yet' | 'missing' {
  return waitedSeconds < VISIBLE_AFTER_SECONDS ? 'not-visible-yet' : 'missing';
}

/** A status in words, with what AWS says about it where it says something. */
export const withReason = (text: string, reason: string | undefined): string =>
  reason ? `${text}: ${reason}` : text;

/** The loop after one more wait: half as long again each time, up to its limit. */
export function nextPoll({ waitedSeconds, waitSeconds, maxWaitSeconds }: Poll): Poll {
  return {
    waitedSeconds: waitedSeconds + waitSeconds,
    waitSeconds: Math.min(Math.ceil(waitSeconds * 1.5), maxWaitSeconds),
    maxWaitSeconds,
  };
}

// Five percent: what a wait at most adds to work that was waited for this long.
const SHARE = 1 / 20;
const SHORTEST_WAIT_SECONDS = 5;

/**
 * The loop after one more wait, where the work may take minutes or days: each wait is a twentieth of those before, up
 * to its limit.
 */
export function nextShare({ waitedSeconds, waitSeconds, maxWaitSeconds }: Poll): Poll {
  const waited = waitedSeconds + waitSeconds;
  const share = Math.max(Math.ceil(waited * SHARE), SHORTEST_WAIT_SECONDS);
  return { waitedSeconds: waited, waitSeconds: Math.min(share, maxWaitSeconds), maxWaitSeconds };
}
