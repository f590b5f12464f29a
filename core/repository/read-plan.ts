import { BLOCK_BYTES } from './block.ts';
import type { Digest } from './digest.ts';
import type { DiskObject } from './disk-format.ts';
import { runAhead } from './run-ahead.ts';
import type { DataBlock, Segment } from './segment-format.ts';

/** A data block on its way, or a run of zeros; offsets count from the disk's start. */
export type PlannedPiece =
  | { readonly kind: 'block'; readonly offset: number; readonly block: DataBlock }
  | { readonly kind: 'zeros'; readonly offset: number; readonly length: number };

/** One ranged read of a pack and what comes of it, in the disk's order; runs of zeros in between are part of it. */
export interface PlannedFetch {
  /** `undefined` where there are only zeros. */
  readonly pack: Digest | undefined;
  /** Bytes [start, end) of the pack. */
  readonly start: number;
  readonly end: number;
  readonly pieces: readonly PlannedPiece[];
}

// Reading past a small gap costs less than another request.
const GAP_MOST_BYTES = 256 * 1024;
// Keeps what waits in memory small where thousands of frames fit into one read.
const FETCH_MOST_PIECES = 1024;
// What a parsed segment takes in memory, per block of it.
const SEGMENT_BYTES_PER_BLOCK = 64;

export interface PlanOptions {
  readonly disk: DiskObject;
  readonly from: number;
  readonly to: number;
  readonly load: (index: number) => Promise<Segment>;
  /** What loaded segments may take. */
  readonly segmentBudget: number;
  /** The longest read. */
  readonly fetchMostBytes: number;
}

/** Turns the segments [from, to) of a disk into ranged reads: frames that lie close together in a pack are read together. */
export async function* planFetches(options: PlanOptions): AsyncGenerator<PlannedFetch> {
  let current = makeFetch();
  try {
    for await (const piece of planPieces(options)) {
      if (!current.accepts(piece, options.fetchMostBytes)) {
        yield current;
        current = makeFetch();
      }
      current.add(piece);
    }
  } catch (error) {
    // What comes before a segment that cannot be read is not lost with it.
    if (current.pieces.length > 0) yield current;
    throw error;
  }
  if (current.pieces.length > 0) yield current;
}

function makeFetch() {
  const pieces: PlannedPiece[] = [];
  let pack: Digest | undefined;
  let start = 0;
  let end = 0;
  return {
    pieces,
    get pack() {
      return pack;
    },
    get start() {
      return start;
    },
    get end() {
      return end;
    },
    accepts(piece: PlannedPiece, fetchMostBytes: number): boolean {
      if (pieces.length >= FETCH_MOST_PIECES) return false;
      if (piece.kind === 'zeros' || pack === undefined) return true;
      const { offset, length, pack: blockPack } = piece.block;
      if (blockPack.digest !== pack) return false;
      if (offset > end + GAP_MOST_BYTES || offset + length < start - GAP_MOST_BYTES) return false;
      return Math.max(end, offset + length) - Math.min(start, offset) <= fetchMostBytes;
    },
    add(piece: PlannedPiece): void {
      pieces.push(piece);
      if (piece.kind === 'zeros') return;
      const { offset, length, pack: blockPack } = piece.block;
      start = pack === undefined ? offset : Math.min(start, offset);
      end = Math.max(end, offset + length);
      pack = blockPack.digest;
    },
  };
}

/** All blocks in order; neighbouring zero blocks as one run within a segment, and all-zero segments as one run. */
async function* planPieces(options: PlanOptions): AsyncGenerator<PlannedPiece> {
  const { disk, load, segmentBudget } = options;
  const loaded = runAhead(segmentRuns(options), {
    work: async (run) => ({ ...run, segment: run.kind === 'segment' ? await load(run.index) : undefined }),
    costOf: ({ kind }) =>
      kind === 'zeros' ? 0 : (disk.segmentBytes / BLOCK_BYTES) * SEGMENT_BYTES_PER_BLOCK,
    budget: segmentBudget,
  });
  for await (const { index, count, segment } of loaded) {
    const offset = index * disk.segmentBytes;
    const end = Math.min((index + count) * disk.segmentBytes, disk.size);
    if (segment) yield* piecesOf(segment, { offset, end });
    else yield { kind: 'zeros', offset, length: end - offset };
  }
}

/** Segments that have data one by one, those without in runs. */
function* segmentRuns({ disk, from, to }: PlanOptions) {
  for (let index = from; index < to; ) {
    if (disk.segmentAt(index).dataBlocks > 0) {
      yield { kind: 'segment', index, count: 1 } as const;
      index += 1;
      continue;
    }
    let next = index + 1;
    while (next < to && disk.segmentAt(next).dataBlocks === 0) next += 1;
    yield { kind: 'zeros', index, count: next - index } as const;
    index = next;
  }
}

function* piecesOf(
  segment: Segment,
  { offset, end }: { offset: number; end: number },
): Generator<PlannedPiece> {
  let next = offset;
  for (const block of segment.dataBlocks()) {
    const at = offset + block.index * BLOCK_BYTES;
    if (at > next) yield { kind: 'zeros', offset: next, length: at - next };
    yield { kind: 'block', offset: at, block };
    next = at + BLOCK_BYTES;
  }
  if (end > next) yield { kind: 'zeros', offset: next, length: end - next };
}
