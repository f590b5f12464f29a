import type { DiskState } from '../../core/model/helper.ts';
import type { FinishedSegments } from './finished-segments.ts';

/** Segments [from, to) of a disk, and what of them is not zero. */
export interface WrittenRange {
  readonly from: number;
  readonly to: number;
  readonly writtenBytes: number;
}

/** Knows how far a disk is, and notes it where another run, or another helper, finds it. */
export interface Checkpoint {
  isFinished(segment: number): boolean;
  /** Its bytes have been handed to the device; they are not noted before the next {@link flushAndNote}. */
  add(range: WrittenRange): void;
  /** Flushes, then notes what was added before; does nothing where nothing was. */
  flushAndNote(): Promise<void>;
}

export interface CheckpointOptions {
  /** What was noted last; what is finished is in `finished`. */
  readonly state: Omit<DiskState, 'finished'>;
  readonly finished: FinishedSegments;
  readonly flush: () => Promise<void>;
  readonly save: (state: DiskState) => Promise<void>;
}

/** The order is the safety: bytes to the device, flush, note. A crash before the note costs the work of some segments, never their bytes. */
export function makeCheckpoint({ state, finished, flush, save }: CheckpointOptions): Checkpoint {
  let { writtenBytes } = state;
  let added: WrittenRange[] = [];
  let last: Promise<void> = Promise.resolve();

  const flushAndNote = async () => {
    if (added.length === 0) return;
    // Only these: what is added while it is being flushed may miss the flush.
    const ranges = added;
    added = [];
    await flush();
    for (const range of ranges) {
      finished.add(range.from, range.to);
      writtenBytes += range.writtenBytes;
    }
    await save({ ...state, finished: finished.toBase64(), writtenBytes });
  };
  return {
    isFinished: (segment) => finished.has(segment),
    add: (range) => {
      added.push(range);
    },
    flushAndNote() {
      // One after the other: an older note must never replace a newer one.
      last = last.then(flushAndNote);
      return last;
    },
  };
}
