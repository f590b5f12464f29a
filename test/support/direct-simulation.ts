import type { DiskPiece } from '../../core/repository/index.ts';
import { makePutLimiter } from '../../lambdas/restore/direct/limiter.ts';
import { putBlocks } from '../../lambdas/restore/direct/put-blocks.ts';
import { makeWrittenTracker } from '../../lambdas/restore/direct/written-tracker.ts';
import { type EbsRates, makeEbsThrottle } from '../../local/ebs/quota-model.ts';
import { makeVirtualClock } from './virtual-clock.ts';

/** A disk that is written into a snapshot. */
export interface SimulatedDisk {
  readonly workers: number;
  /** When its first worker starts. */
  readonly startSeconds?: number;
  /** When it has nothing more to write. */
  readonly endSeconds?: number;
}

export interface SimulationOptions {
  readonly rates: EbsRates;
  /** What the plan believes. */
  readonly accountPutsPerSecond: number;
  readonly disks: readonly SimulatedDisk[];
  readonly seconds: number;
  readonly seed: number;
  /** Blocks in a batch, after which a worker begins anew with a limiter that knows nothing. */
  readonly batchBlocks: number;
  /** Of puts: these are never answered, and given up after 12 seconds. */
  readonly hangs?: number;
}

export interface SimulatedSnapshot {
  /** Puts that were accepted, by the second they were sent in. */
  readonly accepted: number[];
  readonly throttled: { snapshot: number[]; account: number[] };
}

const BLOCK_BYTES = 524_288;
const BLOCK = new Uint8Array(BLOCK_BYTES);
const DIGEST = new Uint8Array(32);
// From the end of one batch to the first put of the next: Step Functions dispatches it, and a function starts.
const BATCH_GAP_MS = 1_000;
// AWS's own example of a put (EBS User Guide, performance of EBS direct APIs).
const PUT_MS = 100;
const REFUSAL_MS = 30;
const HANG_MS = 12_000;

/** Real limiters and the real loop around them, against the quotas as a model, in virtual time. */
export async function simulateDirect(options: SimulationOptions): Promise<SimulatedSnapshot[]> {
  const { rates, disks, seconds, seed } = options;
  const clock = makeVirtualClock();
  const random = makeRandom(seed);
  const throttle = makeEbsThrottle(rates);
  const stop = new AbortController();
  const counted = (): number[] => Array.from({ length: seconds }, () => 0);
  const snapshots = disks.map(() => ({
    accepted: counted(),
    throttled: { snapshot: counted(), account: counted() },
  }));

  async function put(place: number): Promise<void> {
    const nowMs = clock.now();
    const second = Math.floor(nowMs / 1_000);
    const snapshot = snapshots[place];
    if (!snapshot) throw new Error(`no disk ${place}`);
    const by = throttle.admit({ operation: 'PutSnapshotBlock', snapshotId: `snap-${place}`, nowMs });
    if (by === undefined) {
      countUp(snapshot.accepted, second);
      if (random() < (options.hangs ?? 0)) {
        await clock.sleep(HANG_MS);
        throw Object.assign(new Error('no answer'), { name: 'TimeoutError' });
      }
      await clock.sleep(latencyMs(random, PUT_MS));
      return;
    }
    countUp(snapshot.throttled[by], second);
    await clock.sleep(latencyMs(random, REFUSAL_MS));
    throw throttleError(by);
  }

  const hasEnded = ({ endSeconds = Number.POSITIVE_INFINITY }: SimulatedDisk): boolean =>
    stop.signal.aborted || clock.now() >= endSeconds * 1_000;

  async function batch(place: number, disk: SimulatedDisk): Promise<void> {
    const { workers } = disk;
    const limiter = makePutLimiter({
      workers: { ofSnapshot: workers, ofRestore: workers },
      accountPutsPerSecond: options.accountPutsPerSecond,
      clock,
      random,
      signal: stop.signal,
    });
    await putBlocks({
      pieces: piecesOf(options.batchBlocks, () => hasEnded(disk)),
      put: () => put(place),
      limiter,
      clock,
      random,
      signal: stop.signal,
      tracker: makeWrittenTracker({ offset: 0, blocks: 0 }),
    });
  }

  async function worker(place: number, disk: SimulatedDisk): Promise<void> {
    // Functions do not start all at once.
    await clock.sleep((disk.startSeconds ?? 0) * 1_000 + random() * BATCH_GAP_MS);
    while (!hasEnded(disk)) {
      await batch(place, disk);
      await clock.sleep(BATCH_GAP_MS * (0.5 + random()));
    }
  }

  const all = disks.flatMap((disk, place) => Array.from({ length: disk.workers }, () => worker(place, disk)));
  await clock.run(seconds * 1_000 - 1);
  stop.abort();
  await clock.run((seconds + 3_600) * 1_000);
  await Promise.all(all);
  return snapshots;
}

function countUp(counts: number[], second: number): void {
  counts[second] = (counts[second] ?? 0) + 1;
}

async function* piecesOf(blocks: number, isOver: () => boolean): AsyncGenerator<DiskPiece> {
  for (let index = 0; index < blocks && !isOver(); index += 1) {
    yield { kind: 'data', offset: index * BLOCK_BYTES, bytes: BLOCK, digest: DIGEST };
  }
}

function throttleError(by: 'snapshot' | 'account'): Error {
  const error = new Error('too fast');
  error.name = by === 'snapshot' ? 'RequestThrottledException' : 'ThrottlingException';
  return Object.assign(error, {
    $metadata: { httpStatusCode: 400 },
    Reason: by === 'snapshot' ? 'RESOURCE_LEVEL_THROTTLE' : 'ACCOUNT_THROTTLED',
  });
}

/** Log-normal with that median: a few answers take several times as long. */
function latencyMs(random: () => number, median: number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return median * Math.exp(0.4 * normal);
}

/** Mulberry32: small, and the same everywhere. */
export function makeRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
