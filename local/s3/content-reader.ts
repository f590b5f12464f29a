import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import type { Extent } from '../sparse/index.ts';
import { clipExtents, eachExtent, readUpTo, zeroBlock } from '../sparse/index.ts';
import type { BufferPool } from './buffer-pool.ts';
import type { Piece } from './pieces.ts';
import { sizeOf } from './pieces.ts';

/** Content opened for reading. */
export interface ContentReader {
  readonly size: number;
  /** Ranges that may hold non-zero bytes, ascending and disjoint; everything outside them reads as zero. */
  extents(): AsyncIterable<Extent>;
  /** Exactly `length` bytes at `offset`; both lie within the content. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** The range block by block; a block may be overwritten as soon as the next one is asked for. */
  chunks(offset: number, length: number): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

export interface ContentParts {
  readonly pieces: readonly Piece[];
  readonly pool: BufferPool;
  readonly blockBytes: number;
  pathOf(file: string): string;
  onClose(): void;
}

/** Files of an object of many parts that are held open at once. */
const MAX_OPEN_FILES = 8;

export function openContent(parts: ContentParts): ContentReader {
  const { pieces } = parts;
  const size = sizeOf(pieces);
  const files = makeOpenFiles(parts.pathOf);
  const fill = makeFill(pieces, files);
  let closed = false;
  return {
    size,
    extents: () => extentsOf(pieces),
    read: async (offset, length) => {
      if (offset < 0 || length < 0 || offset + length > size) {
        throw new RangeError(
          `[${offset}, ${offset + length}) is not within the ${size} bytes of the content`,
        );
      }
      const bytes = Buffer.allocUnsafeSlow(length);
      if ((await fill(bytes, offset)) === 'zeros') bytes.fill(0);
      return bytes;
    },
    chunks: (offset, length) => chunksOf(parts, fill, { offset, length }),
    close: async () => {
      if (closed) return;
      closed = true;
      await files.close();
      parts.onClose();
    },
  };
}

async function* extentsOf(pieces: readonly Piece[]): AsyncGenerator<Extent> {
  let start = 0;
  for (const piece of pieces) {
    for (const extent of eachExtent(piece.data)) {
      yield { offset: start + extent.offset, length: extent.length };
    }
    start += piece.length;
  }
}

/** Fills `into` with what begins at `offset`; says when that is zeros only, in which case it is left alone. */
type Fill = (into: Buffer, offset: number) => Promise<'data' | 'zeros'>;

function makeFill(pieces: readonly Piece[], files: OpenFiles): Fill {
  const starts = startsOf(pieces);
  return async (into, offset) => {
    const runs = dataWithin({ pieces, starts, offset, length: into.length });
    if (runs.length === 0) return 'zeros';
    let filled = 0;
    for (const run of runs) {
      into.fill(0, filled, run.at);
      filled = run.at + run.length;
      await files.read(run.file, run.fileOffset, into.subarray(run.at, filled));
    }
    into.fill(0, filled);
    return 'data';
  };
}

/** The range block by block: the next block is read while the last one is on its way out. */
async function* chunksOf(
  { pool, blockBytes }: Pick<ContentParts, 'blockBytes' | 'pool'>,
  fill: Fill,
  { offset, length }: Extent,
): AsyncGenerator<Uint8Array> {
  const end = offset + length;
  const load = async (buffer: Buffer, at: number): Promise<Uint8Array> => {
    const block = buffer.subarray(0, Math.min(blockBytes, end - at));
    return (await fill(block, at)) === 'zeros' ? zeroBlock.subarray(0, block.length) : block;
  };
  let [loading, idle] = [pool.take(), pool.take()];
  let next = length > 0 ? load(loading, offset) : undefined;
  try {
    for (let at = offset; next; ) {
      const block: Uint8Array = await next;
      at += block.length;
      [loading, idle] = [idle, loading];
      next = at < end ? load(loading, at) : undefined;
      // If nobody waits for it any more, its failure concerns nobody.
      next?.catch(() => {});
      yield block;
    }
  } finally {
    await next?.catch(() => {});
    pool.give(loading);
    pool.give(idle);
  }
}

function startsOf(pieces: readonly Piece[]): number[] {
  let at = 0;
  return pieces.map((piece) => {
    const start = at;
    at += piece.length;
    return start;
  });
}

interface Window {
  readonly pieces: readonly Piece[];
  readonly starts: readonly number[];
  readonly offset: number;
  readonly length: number;
}

interface DataRun {
  /** Where in the window. */
  readonly at: number;
  readonly length: number;
  readonly file: string;
  readonly fileOffset: number;
}

/** What of the window has to be read from files, in order. */
function dataWithin({ pieces, starts, offset, length }: Window): DataRun[] {
  const runs: DataRun[] = [];
  for (let i = lastAtOrBefore(starts, offset); i < pieces.length; i += 1) {
    const piece = pieces[i];
    const start = starts[i] ?? 0;
    if (!piece || start >= offset + length) break;
    if (piece.file === null) continue;
    const from = Math.max(0, offset - start);
    const take = Math.min(piece.length, offset + length - start) - from;
    for (const extent of eachExtent(clipExtents(piece.data, from, take))) {
      const within = from + extent.offset;
      runs.push({
        at: start + within - offset,
        length: extent.length,
        file: piece.file,
        fileOffset: piece.offset + within,
      });
    }
  }
  return runs;
}

/** Index of the last piece that begins at or before `offset`. */
function lastAtOrBefore(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return Math.max(0, low);
}

interface OpenFiles {
  /** Fills `into`; what lies behind the end of the file is zero. */
  read(file: string, offset: number, into: Buffer): Promise<void>;
  close(): Promise<void>;
}

function makeOpenFiles(pathOf: (file: string) => string): OpenFiles {
  /** Least recently used first. */
  const handles = new Map<string, Promise<FileHandle>>();
  const inUse = new Map<string, number>();

  async function closeIdle(): Promise<void> {
    for (const [file, handle] of handles) {
      if (handles.size <= MAX_OPEN_FILES) return;
      if (inUse.has(file)) continue;
      handles.delete(file);
      await (await handle).close();
    }
  }

  return {
    read: async (file, offset, into) => {
      const handle = handles.get(file) ?? open(pathOf(file), 'r');
      handles.delete(file);
      handles.set(file, handle);
      inUse.set(file, (inUse.get(file) ?? 0) + 1);
      try {
        const found = await readUpTo(await handle, offset, into);
        into.fill(0, found);
      } finally {
        const users = (inUse.get(file) ?? 1) - 1;
        if (users === 0) inUse.delete(file);
        else inUse.set(file, users);
      }
      await closeIdle();
    },
    close: async () => {
      const open = [...handles.values()];
      handles.clear();
      for (const handle of open) await (await handle.catch(() => undefined))?.close();
    },
  };
}
