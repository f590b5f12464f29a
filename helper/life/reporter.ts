import { setTimeout as sleep } from 'node:timers/promises';
import type { HelperReport } from '../../core/model/helper.ts';
import type { Channel } from '../channel/channel.ts';

export interface Reporter {
  /** There is something new to tell: it is told at once. */
  changed(): void;
  /** Reports until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>;
}

export interface ReporterOptions {
  readonly channel: Channel;
  readonly heartbeatSeconds: number;
  readonly describe: (sequence: number) => HelperReport;
  readonly onReported: () => void;
  readonly onFailure: (error: unknown) => void;
}

/** One report at a time: an older one never replaces a newer one. A report that fails is followed by the next heartbeat's. */
export function makeReporter(options: ReporterOptions): Reporter {
  const { channel, heartbeatSeconds, describe, onReported, onFailure } = options;
  let wake = new AbortController();
  let isNews = false;
  let sequence = 0;

  const report = async (signal: AbortSignal): Promise<void> => {
    isNews = false;
    sequence += 1;
    try {
      await channel.writeReport(describe(sequence), signal);
      onReported();
    } catch (error) {
      if (signal.aborted) return;
      onFailure(error);
      // Also for what came up meanwhile: a store that fails is not asked without end.
      isNews = false;
    }
  };
  return {
    changed() {
      isNews = true;
      wake.abort();
    },
    async run(signal) {
      while (!signal.aborted) {
        const dueAt = performance.now() + heartbeatSeconds * 1000;
        await report(signal);
        wake = new AbortController();
        if (isNews) continue;
        const pauseMs = Math.max(0, dueAt - performance.now());
        await sleep(pauseMs, undefined, { signal: AbortSignal.any([signal, wake.signal]) }).catch(
          () => undefined,
        );
      }
    },
  };
}
