import { randomUUID } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { appendExtent, boundExtents, dataRuns, writeRuns } from '../sparse/index.ts';
import type { BufferPool } from './buffer-pool.ts';
import { makeBufferPool } from './buffer-pool.ts';
import type { ContentReader } from './content-reader.ts';
import { openContent } from './content-reader.ts';
import type { Piece } from './pieces.ts';
import { joinPieces } from './pieces.ts';

/** Bytes gathered before they are looked through for zeros and written; also what a read fetches at once. */
export const BLOCK_BYTES = 1024 * 1024;
/** Idle buffers kept for reuse. */
const POOLED_BUFFERS = 16;

/** The bytes of a bucket's objects: immutable data files, each deleted when nothing refers to it any more. */
export interface ContentStore {
  /**
   * Takes in a body, zeros left out. The result is referred to once, by the caller, who releases it when unused.
   * `onBytes` sees every byte in order.
   */
  receive(body: AsyncIterable<Uint8Array>, options: ReceiveOptions): Promise<Received>;
  retain(pieces: readonly Piece[]): void;
  /** Gives up one reference to each piece; files without any are deleted. */
  release(pieces: readonly Piece[]): void;
  /** Opens content for reading; it stays whole until closed whatever happens to the object. */
  open(pieces: readonly Piece[]): ContentReader;
  /** Deletes data files that nothing refers to: left behind by a crash. */
  sweep(): Promise<void>;
  /** Resolves when the deletions under way are done. */
  settle(): Promise<void>;
}

export interface ReceiveOptions {
  /** Announced length; decides how large a buffer is worth while. */
  readonly expectedBytes: number | undefined;
  onBytes(bytes: Uint8Array): void;
  /** Sees the whole content where it is no longer than {@link BLOCK_BYTES}. */
  onSmall(content: Uint8Array): void;
}

export interface Received {
  readonly pieces: readonly Piece[];
  readonly size: number;
}

export async function openContentStore(folder: string): Promise<ContentStore> {
  await mkdir(folder, { recursive: true });
  const pool = makeBufferPool(BLOCK_BYTES, POOLED_BUFFERS);
  const references = new Map<string, number>();
  const deletions = new Set<Promise<void>>();
  const pathOf = (file: string) => join(folder, file.slice(0, 2), file);

  function change(pieces: readonly Piece[], by: 1 | -1): void {
    for (const { file } of pieces) {
      if (file === null) continue;
      const count = (references.get(file) ?? 0) + by;
      if (count > 0) {
        references.set(file, count);
        continue;
      }
      references.delete(file);
      const deletion: Promise<void> = rm(pathOf(file), { force: true })
        // The sweep at the next start takes what could not be deleted now.
        .catch(() => {})
        .finally(() => deletions.delete(deletion));
      deletions.add(deletion);
    }
  }

  return {
    receive: async (body, options) => {
      const received = await receiveBody(body, { ...options, pool, pathOf });
      change(received.pieces, 1);
      return received;
    },
    retain: (pieces) => change(pieces, 1),
    release: (pieces) => change(pieces, -1),
    open: (pieces) => {
      change(pieces, 1);
      return openContent({
        pieces,
        pathOf,
        pool,
        blockBytes: BLOCK_BYTES,
        onClose: () => change(pieces, -1),
      });
    },
    sweep: () => sweepFolder(folder, references),
    settle: async () => {
      await Promise.all(deletions);
    },
  };
}

async function sweepFolder(folder: string, references: ReadonlyMap<string, number>): Promise<void> {
  for (const prefix of await readdir(folder)) {
    for (const file of await readdir(join(folder, prefix))) {
      if (!references.has(file)) await rm(join(folder, prefix, file), { force: true });
    }
  }
}

interface BodyParts extends ReceiveOptions {
  readonly pool: BufferPool;
  pathOf(file: string): string;
}

async function receiveBody(body: AsyncIterable<Uint8Array>, parts: BodyParts): Promise<Received> {
  const writer = makeSparseWriter(parts.pathOf);
  const small = parts.expectedBytes !== undefined && parts.expectedBytes < BLOCK_BYTES;
  const take = () => (small ? Buffer.allocUnsafe(Math.max(1, parts.expectedBytes ?? 0)) : parts.pool.take());
  let buffer = take();
  let filled = 0;
  // One block is written while the next one fills; more would only hold more memory.
  let writing: Promise<void> = Promise.resolve();
  const writeOut = async () => {
    const full = buffer;
    const length = filled;
    const at = writer.size;
    writer.size += length;
    await writing;
    writing = writer.write(at, full.subarray(0, length)).finally(() => parts.pool.give(full));
    // Its failure is reported by the next wait for it.
    writing.catch(() => {});
    buffer = take();
    filled = 0;
  };
  try {
    for await (const bytes of body) {
      parts.onBytes(bytes);
      for (let at = 0; at < bytes.length; ) {
        if (filled === buffer.length) await writeOut();
        const end = Math.min(bytes.length, at + buffer.length - filled);
        buffer.set(bytes.subarray(at, end), filled);
        filled += end - at;
        at = end;
      }
    }
    if (writer.size === 0) parts.onSmall(buffer.subarray(0, filled));
    await writing;
    if (filled > 0) await writer.write(writer.size, buffer.subarray(0, filled));
    return await writer.finish(writer.size + filled);
  } catch (error) {
    await writing.catch(() => {});
    await writer.abandon();
    throw error;
  } finally {
    parts.pool.give(buffer);
  }
}

interface SparseWriter {
  /** Bytes handed over so far. */
  size: number;
  write(at: number, bytes: Uint8Array): Promise<void>;
  finish(size: number): Promise<Received>;
  abandon(): Promise<void>;
}

/** Writes one data file, made only when the first byte that is not zero comes. */
function makeSparseWriter(pathOf: (file: string) => string): SparseWriter {
  const file = randomUUID().replaceAll('-', '');
  const data: number[] = [];
  let handle: FileHandle | undefined;
  return {
    size: 0,
    write: async (at, bytes) => {
      const runs = dataRuns(at, bytes);
      if (runs.length === 0) return;
      handle ??= await createFile(pathOf(file));
      await writeRuns(handle, { position: at, bytes, runs });
      for (const run of runs) appendExtent(data, run.offset, run.length);
    },
    finish: async (size) => {
      await handle?.close();
      const piece: Piece = { file: handle ? file : null, offset: 0, length: size, data: boundExtents(data) };
      return { pieces: joinPieces([piece]), size };
    },
    abandon: async () => {
      await handle?.close();
      if (handle) await rm(pathOf(file), { force: true });
    },
  };
}

async function createFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    await mkdir(dirname(path), { recursive: true });
    return open(path, 'wx');
  }
}
