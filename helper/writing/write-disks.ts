import { setTimeout as sleep } from 'node:timers/promises';
import { restoreSegments } from '../../core/repository/index.ts';
import { readBack } from '../disk/read-back.ts';
import { DiskDigestDiffers, onDisk } from '../errors.ts';
import type { Job, SegmentRange } from './job.ts';
import { WORKERS, WRITES_BYTES } from './memory.ts';
import { makeSegmentPool, type SegmentPool } from './segment-pool.ts';
import { together } from './together.ts';

export interface WriteOptions {
  readonly readBack: 'sample' | 'all';
  /** Between two notes of what is finished. */
  readonly noteSeconds: number;
  readonly signal: AbortSignal;
}

/**
 * Writes all disks, reads them back and closes their devices. The first failure ends all of it.
 * @throws DiskFailure, or the signal's reason; nothing is being written any more then
 */
export async function writeDisks(jobs: readonly Job[], options: WriteOptions): Promise<void> {
  const pool = makeSegmentPool(jobs);
  const written = new AbortController();
  const workers = Array.from({ length: WORKERS }, () => (signal: AbortSignal) => {
    return work(pool, { ...options, signal });
  });
  const all = async (signal: AbortSignal) => {
    await together(workers, signal);
    written.abort();
  };
  const noting = (signal: AbortSignal) => keepNoting(jobs, { ...options, signal, ended: written.signal });
  await together([all, noting], options.signal);
}

async function work(pool: SegmentPool<Job>, options: WriteOptions): Promise<void> {
  for (let task = await pool.take(); task; task = await pool.take()) {
    const { job } = task;
    options.signal.throwIfAborted();
    await onDisk(job.order.id, async () => {
      if (task.kind === 'write') await writeRange(job, task.range, options.signal);
      else await finish(job, options);
    });
    pool.give(task);
  }
}

async function writeRange(
  { reader, device, progress, checkpoint }: Job,
  { from, to }: SegmentRange,
  signal: AbortSignal,
): Promise<void> {
  let [doneBytes, writtenBytes] = [0, 0];
  await restoreSegments(reader, device, {
    ...{ from, to, signal, writesBytes: WRITES_BYTES },
    // The volume was blank, and what an earlier run wrote to it is the same.
    zeroRanges: false,
    onProgress(now) {
      progress.wrote({ doneBytes: now.doneBytes - doneBytes, writtenBytes: now.writtenBytes - writtenBytes });
      ({ doneBytes, writtenBytes } = now);
    },
  });
  checkpoint.add({ from, to, writtenBytes });
}

async function finish(
  { order, reader, device, progress, checkpoint }: Job,
  { readBack: mode, signal }: WriteOptions,
): Promise<void> {
  await checkpoint.flushAndNote();
  progress.enter('reading-back');
  const onRead = (bytes: number) => progress.readBack(bytes);
  const diskDigest = await readBack(reader, device, { diskId: order.id, mode, signal, onRead });
  if (diskDigest !== reader.diskDigest) {
    throw new DiskDigestDiffers(
      `the blocks of disk ${order.id} give the digest ${diskDigest}, its restore point has ${reader.diskDigest}`,
    );
  }
  await device.close();
  progress.finish(diskDigest);
}

/** One disk after the other, so that flushing, which may take seconds, holds up no more than one thread. */
async function keepNoting(
  jobs: readonly Job[],
  { noteSeconds, signal, ended }: WriteOptions & { ended: AbortSignal },
): Promise<void> {
  const either = AbortSignal.any([signal, ended]);
  while (!either.aborted) {
    await sleep(noteSeconds * 1000, undefined, { signal: either }).catch(() => undefined);
    for (const job of jobs) {
      if (either.aborted) break;
      await onDisk(job.order.id, () => job.checkpoint.flushAndNote());
    }
  }
  signal.throwIfAborted();
}
