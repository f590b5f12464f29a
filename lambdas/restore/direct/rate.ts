export interface RateOptions {
  /** Puts a second. */
  readonly start: number;
  readonly least: number;
  readonly most: number;
  /** Puts a second, more each second. */
  readonly increase: number;
  /** What is left of the rate after a cut. */
  readonly decrease: number;
}

/** A rate that grows with what succeeds and is cut by what is turned away. */
export interface Rate {
  readonly perSecond: number;
  /** A put that had to wait for this rate has succeeded. */
  grow(): void;
  /** A put that was sent at `sentAtMs` was turned away. */
  cut(sentAtMs: number, nowMs: number): void;
}

/**
 * Additive increase, multiplicative decrease: of several that share a limit and know nothing of each other, each ends
 * at a like rate, together just at the limit (Chiu and Jain, 1989).
 */
export function makeRate({ start, least, most, increase, decrease }: RateOptions): Rate {
  const within = (rate: number): number => Math.min(most, Math.max(least, rate));
  let perSecond = within(start);
  let cutAtMs = Number.NEGATIVE_INFINITY;
  return {
    get perSecond() {
      return perSecond;
    },
    grow() {
      // Once for each of `perSecond` successes a second.
      perSecond = within(perSecond + increase / perSecond);
    },
    cut(sentAtMs, nowMs) {
      // What was sent before the last cut speaks of the rate that was cut then.
      if (sentAtMs < cutAtMs) return;
      cutAtMs = nowMs;
      perSecond = within(perSecond * decrease);
    },
  };
}
