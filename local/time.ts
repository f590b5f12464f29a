import type { RegionTime } from './service.ts';

/** Node's timers hold at most this many milliseconds (2^31 - 1); more would fire at once. */
const LONGEST_TIMER_MS = 2_147_483_647;

export class RegionStopped extends Error {
  override readonly name = 'RegionStopped';
}

/** The region's clock: real time of day, durations multiplied by `scale` (1 = real, 0.001 = a thousand times faster). */
export function makeRegionTime(scale: number): RegionTime & { stop(): void } {
  const stopped = new AbortController();
  return {
    now: () => new Date(),
    sleep: (seconds, signal) =>
      sleepFor(seconds * 1000 * scale, [stopped.signal, ...(signal ? [signal] : [])]),
    after: (seconds, action) => {
      sleepFor(seconds * 1000 * scale, [stopped.signal]).then(action, () => {
        // The region stopped: what was planned is dropped, as promised.
      });
    },
    stop: () => stopped.abort(new RegionStopped('the region has stopped')),
  };
}

function sleepFor(ms: number, signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const aborted = signals.find((signal) => signal.aborted);
    if (aborted) {
      reject(aborted.reason);
      return;
    }
    const abort = (event: Event) => {
      end();
      reject((event.target as AbortSignal).reason);
    };
    const end = () => {
      clearTimeout(timer);
      for (const signal of signals) signal.removeEventListener('abort', abort);
    };
    const timer = setTimeout(
      () => {
        end();
        resolve();
      },
      Math.min(ms, LONGEST_TIMER_MS),
    );
    for (const signal of signals) signal.addEventListener('abort', abort, { once: true });
  });
}
