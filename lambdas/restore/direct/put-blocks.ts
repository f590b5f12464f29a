import type { DiskPiece } from '../../../core/repository/index.ts';
import type { Clock, PutLimiter } from './limiter.ts';
import { outcomeOf } from './put-outcome.ts';
import type { WrittenTracker } from './written-tracker.ts';

export type DataPiece = DiskPiece & { readonly kind: 'data' };

export interface PutBlocksOptions {
  /** In ascending order, without gaps. */
  readonly pieces: AsyncGenerator<DiskPiece, unknown, undefined>;
  /** One try to put one block. */
  readonly put: (piece: DataPiece) => Promise<void>;
  readonly limiter: PutLimiter;
  readonly clock: Clock;
  /** 0 to 1. */
  readonly random: () => number;
  /** Time is up: no further try begins. */
  readonly signal: AbortSignal;
  /** Is told what is written. */
  readonly tracker: WrittenTracker;
}

/**
 * Puts at once: a dozen workers with these can have 400 under way, of which 100 make up a snapshot's limit at 100 ms
 * each (EBS User Guide, performance of EBS direct APIs). One core is fastest with 16 to 32.
 */
const PUTS_AT_ONCE = 40;
// Of a single block, besides throttles: what fails this often in a minute will fail again.
const TRIES = 8;
const SHORTEST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

/**
 * Puts all data of a range of a disk into its snapshot, many blocks at a time. Waits as long as it is turned away, and
 * tries again what passes; putting a block twice is fine. Once it has ended, nothing is under way any more.
 * @throws what reading throws, and what a put fails with for good
 */
export async function putBlocks(options: PutBlocksOptions): Promise<'finished' | 'out-of-time'> {
  const { pieces, signal, tracker } = options;
  const failures: unknown[] = [];
  let isFinished = false;
  const hasToStop = (): boolean => signal.aborted || failures.length > 0;
  const work = async (): Promise<void> => {
    while (!hasToStop()) {
      const { done, value: piece } = await pieces.next();
      if (done) {
        isFinished = true;
        return;
      }
      if (piece.kind === 'zeros') {
        tracker.pass(piece.offset + piece.length);
        continue;
      }
      tracker.begin(piece.offset, piece.offset + piece.bytes.length);
      if (await putBlock(piece, hasToStop, options)) tracker.finish(piece.offset);
      else return;
    }
  };
  const workers = Array.from({ length: PUTS_AT_ONCE }, () =>
    work().catch((error: unknown) => failures.push(error)),
  );
  await Promise.all(workers);
  await pieces.return(undefined);
  // Reading ends with the signal's reason as soon as time is up.
  const [failure] = failures.filter((error) => !(signal.aborted && error === signal.reason));
  if (failure !== undefined) throw failure;
  // Who reads on after reading has failed is told that there is no more.
  return isFinished && failures.length === 0 && tracker.underWay === 0 ? 'finished' : 'out-of-time';
}

/** Whether it is written: not so where all has to stop. */
async function putBlock(
  piece: DataPiece,
  hasToStop: () => boolean,
  { put, limiter, clock, random }: PutBlocksOptions,
): Promise<boolean> {
  for (let tries = 1; ; ) {
    const turn = await limiter.take();
    if (hasToStop()) return false;
    try {
      await put(piece);
      turn.succeeded();
      return true;
    } catch (error) {
      const outcome = outcomeOf(error);
      if (outcome.kind === 'throttled') turn.throttled(outcome.by);
      else if (outcome.kind === 'failed' || tries >= TRIES) throw outcome.error;
      else {
        await clock.sleep(random() * Math.min(LONGEST_PAUSE_MS, SHORTEST_PAUSE_MS * 2 ** tries));
        tries += 1;
      }
    }
  }
}
