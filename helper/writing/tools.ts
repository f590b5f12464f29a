import type { Slots } from '../../core/repository/index.ts';
import type { Channel } from '../channel/channel.ts';
import type { Patience } from '../channel/patience.ts';
import type { AlignedBuffers } from '../devices/aligned-buffers.ts';
import type { Devices } from '../devices/devices.ts';
import type { Limits } from '../life/limits.ts';

/** What the work is done with. */
export interface Tools {
  readonly channel: Channel;
  readonly devices: Devices;
  readonly buffers: AlignedBuffers;
  /**
   * For flushing, which may hold a thread for many seconds: were all threads at it, nothing else would go on, and not
   * even S3's address could be looked up for a heartbeat.
   */
  readonly flushing: Slots;
  readonly limits: Limits;
  readonly log: (line: string) => void;
}

export const patienceOf = (
  { limits, log }: Pick<Tools, 'limits' | 'log'>,
  signal: AbortSignal,
): Patience => ({
  seconds: limits.outageSeconds,
  signal,
  onFailure: (error) => log(`S3 failed, trying again: ${error instanceof Error ? error.message : error}`),
});
