import { makeRate } from './rate.ts';

/** Whose limit a put ran into. */
export type Throttle = 'snapshot' | 'account';

/** PutSnapshotBlock calls a second into one snapshot; not adjustable (EBS User Guide, quotas for Amazon EBS). */
export const SNAPSHOT_PUTS_PER_SECOND = 1_000;

export interface Clock {
  /** Milliseconds. */
  now(): number;
  sleep(milliseconds: number): Promise<void>;
}

/** Leave to send one put. Its outcome is told, unless it says nothing about the pace. */
export interface PutTurn {
  succeeded(): void;
  throttled(by: Throttle): void;
}

export interface PutLimiter {
  /** Waits until one put may be sent, or time is up. First come, first served. */
  take(): Promise<PutTurn>;
  /** Puts a second, as they are let through now. */
  readonly perSecond: number;
}

export interface PutLimiterOptions {
  /** How many write at the same time, each with a limiter of its own: into this snapshot, and in the whole restore. */
  readonly workers: { readonly ofSnapshot: number; readonly ofRestore: number };
  readonly accountPutsPerSecond: number;
  readonly clock: Clock;
  /** 0 to 1. */
  readonly random: () => number;
  /** Time is up: nobody waits any more. */
  readonly signal: AbortSignal;
}

const SECOND_MS = 1_000;
// With these a dozen workers are turned away about once a second together, and take up what others give back within a minute.
const INCREASE = 1;
const DECREASE = 0.8;
// Of those who share the account's budget nobody starves, and nobody stops looking whether it has grown.
const LEAST_PER_SECOND = 0.5;
// A pause of this length is made up for, so that short waits for the repository cost nothing.
const BURST_MS = 100;
// Workers that all keep the very same pace would be turned away in the same order again and again.
const JITTER = 0.5;

/**
 * Paces one worker's puts, below two limits that it shares with workers it cannot see: the snapshot's and the
 * account's. Each has a rate of its own, which only its own throttles cut; the smaller one counts. Both begin with what is
 * this worker's share if nobody else is there.
 */
export function makePutLimiter(options: PutLimiterOptions): PutLimiter {
  const { workers, accountPutsPerSecond, clock, random, signal } = options;
  const rateUpTo = (most: number, sharedBy: number) =>
    makeRate({
      start: most / sharedBy,
      least: LEAST_PER_SECOND,
      most,
      increase: INCREASE,
      decrease: DECREASE,
    });
  const rates = {
    snapshot: rateUpTo(SNAPSHOT_PUTS_PER_SECOND, workers.ofSnapshot),
    account: rateUpTo(accountPutsPerSecond, workers.ofRestore),
  };
  const smaller = (): Throttle =>
    rates.account.perSecond < rates.snapshot.perSecond ? 'account' : 'snapshot';
  /** When the next put is due, by the pace alone. */
  let dueMs = clock.now();
  let queue: Promise<unknown> = Promise.resolve();

  /** Only the first in the queue waits, so that the rate counts as it is when its turn comes. */
  async function pace(): Promise<PutTurn> {
    const intervalMs = (SECOND_MS / rates[smaller()].perSecond) * (1 + JITTER * (random() - 0.5));
    dueMs = Math.max(dueMs, clock.now() - BURST_MS) + intervalMs;
    const waitMs = dueMs - clock.now();
    if (waitMs > 0 && !signal.aborted) await clock.sleep(waitMs);
    const sentAtMs = clock.now();
    return {
      succeeded() {
        // A rate that held nobody up has not been shown to be too low.
        if (waitMs > 0) rates[smaller()].grow();
      },
      throttled: (by) => rates[by].cut(sentAtMs, clock.now()),
    };
  }

  return {
    take() {
      const turn = queue.then(pace);
      queue = turn;
      return turn;
    },
    get perSecond() {
      return rates[smaller()].perSecond;
    },
  };
}
