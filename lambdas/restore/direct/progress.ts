import {
  type DirectDisk,
  type DirectProgress,
  directProgressKey,
  directProgressSchema,
} from '../../../core/model/direct-progress.ts';
import { parseBytes } from '../../../core/model/ids.ts';
import { readRecord, writeRecord } from '../../runtime/control-bucket.ts';
import type { WrittenTracker } from './written-tracker.ts';

export type Batch = DirectDisk & Pick<DirectProgress, 'snapshotId' | 'from' | 'to'>;

const NOTE_MS = 5_000;

/** Where an earlier try of this batch came to; undefined where there was none. */
export async function readProgress(batch: Batch): Promise<DirectProgress | undefined> {
  const stored = await readRecord(directProgressKey(batch, batch.from), directProgressSchema);
  const isOurs = stored?.value.snapshotId === batch.snapshotId && stored.value.to === batch.to;
  return isOurs ? stored.value : undefined;
}

/**
 * Notes every few seconds how far a batch is, until it is stopped; then once more. A note that fails is only missing: work
 * that was done is done again then.
 */
export function noteProgress(batch: Batch, tracker: WrittenTracker): { stop(): Promise<void> } {
  let latest: Promise<unknown> = Promise.resolve();
  const note = (): void => {
    // One after the other: an older note must not take a newer one's place.
    latest = latest.then(() => writeProgress(batch, tracker)).catch(() => undefined);
  };
  const timer = setInterval(note, NOTE_MS);
  return {
    async stop() {
      clearInterval(timer);
      note();
      await latest;
    },
  };
}

async function writeProgress(batch: Batch, tracker: WrittenTracker): Promise<void> {
  const { offset, blocks } = tracker.written();
  const progress: DirectProgress = {
    snapshotId: batch.snapshotId,
    from: batch.from,
    to: batch.to,
    offset: parseBytes(offset),
    writtenBlocks: blocks,
    notedAt: new Date().toISOString(),
  };
  await writeRecord(directProgressKey(batch, batch.from), progress);
}
