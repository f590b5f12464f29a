/** Seconds that a rate looks back: long enough to be steady, short enough to follow a change. */
const WINDOW_SECONDS = 10;

export interface Rate {
  readonly bytesPerSecond?: number;
  readonly secondsLeft?: number;
}

export interface RateMeter {
  /** Notes that `doneBytes` of `totalBytes` are done at `seconds`, and tells the rate of the last seconds. */
  note(progress: { seconds: number; doneBytes: number; totalBytes: number }): Rate;
}

/** Measures speed and time left over a sliding window; starts again when the count goes back. */
export function makeRateMeter(): RateMeter {
  let samples: { seconds: number; doneBytes: number }[] = [];
  return {
    note({ seconds, doneBytes, totalBytes }) {
      if ((samples.at(-1)?.doneBytes ?? 0) > doneBytes) samples = [];
      samples.push({ seconds, doneBytes });
      while (samples.length > 2 && (samples[1]?.seconds ?? seconds) <= seconds - WINDOW_SECONDS)
        samples.shift();
      const first = samples[0];
      if (first === undefined || seconds - first.seconds < 0.5) return {};
      const bytesPerSecond = (doneBytes - first.doneBytes) / (seconds - first.seconds);
      if (bytesPerSecond <= 0) return {};
      return { bytesPerSecond, secondsLeft: (totalBytes - doneBytes) / bytesPerSecond };
    },
  };
}
