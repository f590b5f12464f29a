import type { PlannedDisk } from '../../../core/model/plan.ts';
import { BLOCK_BYTES } from '../../../core/repository/index.ts';

// One batch is one Lambda run: a third of its fifteen minutes, so that three times slower is still in time. One that is not
// goes on in another run.
const BATCH_SECONDS = 300;
// Fewer segments in a batch where the disk is small, so that many Lambdas share even a small disk.
const WANTED_BATCHES = 32;
// Some 28 characters each in the state, of whose 256 KiB they are to leave the better part.
const MOST_BATCHES = 4_000;

/** Segments in one batch, for a worker that puts so many blocks a second. */
export function batchSegments(
  { segmentCount, segmentBytes }: Pick<PlannedDisk, 'segmentCount' | 'segmentBytes'>,
  putsPerSecond: number,
): number {
  const inTime = Math.floor((BATCH_SECONDS * putsPerSecond * BLOCK_BYTES) / segmentBytes);
  const shared = Math.ceil(segmentCount / WANTED_BATCHES);
  const fitting = Math.ceil(segmentCount / MOST_BATCHES);
  return Math.max(1, fitting, Math.min(inTime, shared));
}
