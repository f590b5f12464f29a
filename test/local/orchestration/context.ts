import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RegionContext, RegionEvent } from '../../../local/service.ts';
import { makeRegionTime } from '../../../local/time.ts';

export interface TestContext extends RegionContext {
  readonly published: RegionEvent[];
  /** Ends everything that sleeps, as a stopping region does first. */
  stopTime(): void;
  dispose(): Promise<void>;
}

/** A region's context without a region: a state folder of its own, and events that are only collected. */
export async function makeTestContext(
  options: { endpoint?: string; timeScale?: number } = {},
): Promise<TestContext> {
  const stateFolder = await mkdtemp(join(tmpdir(), 'landfall-region-'));
  const time = makeRegionTime(options.timeScale ?? 0.001);
  const published: RegionEvent[] = [];
  return {
    accountId: '123456789012',
    region: 'us-east-1',
    availabilityZones: ['us-east-1a', 'us-east-1b', 'us-east-1c'],
    endpoint: options.endpoint ?? 'http://127.0.0.1:9',
    stateFolder,
    time,
    publish: (event) => void published.push(event),
    published,
    stopTime: () => time.stop(),
    dispose: async () => {
      time.stop();
      await rm(stateFolder, { recursive: true, force: true });
    },
  };
}
