import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open, stat } from 'node:fs/promises';
import type { Extent } from './extents.ts';
import { HOLE_BYTES, isZero } from './zero.ts';

const COPY_BYTES = 1024 * 1024;

/**
 * Writes `bytes` at `position`, leaving out every 64 KiB (aligned to the file's own 64 KiB grid) that is all
 * zero. The file must be a hole there already (new, or never written), else old bytes would show through: see
 * {@link overwriteSparse} for the other case. Returns the ranges really written. The file's size is the
 * caller's business (`truncate`): trailing zeros are not written.
 */
export async function writeSparse(
  handle: FileHandle,
  position: number,
  bytes: Uint8Array,
): Promise<Extent[]> {
  const runs = dataRuns(position, bytes);
  await writeRuns(handle, { position, bytes, runs });
  return runs;
}

export interface RunsToWrite {
  readonly position: number;
  /** The bytes from `position` on. */
  readonly bytes: Uint8Array;
  /** The ranges of the file, all within `bytes`, to write. */
  readonly runs: readonly Extent[];
}

/** Writes only the given ranges, as {@link dataRuns} found them. */
export async function writeRuns(handle: FileHandle, { position, bytes, runs }: RunsToWrite): Promise<void> {
  for (const { offset, length } of runs) {
    await writeFully(handle, offset, bytes.subarray(offset - position, offset - position + length));
  }
}

/**
 * Writes `bytes` at `position` of a file that may hold data there. A 64 KiB that is all zero is written only
 * where the file is not zero already, so a hole stays a hole.
 */
export async function overwriteSparse(
  handle: FileHandle,
  position: number,
  bytes: Uint8Array,
): Promise<void> {
  const runs = dataRuns(position, bytes);
  await writeRuns(handle, { position, bytes, runs });
  for (const gap of gapsBetween(runs, position, bytes.length))
    await zeroRange(handle, gap.offset, gap.length);
}

/** Makes [position, position + length) read as zero; ranges that read as zero already are not written. */
export async function zeroRange(handle: FileHandle, position: number, length: number): Promise<void> {
  const buffer = Buffer.allocUnsafe(Math.min(HOLE_BYTES, length));
  const zeros = Buffer.alloc(buffer.length);
  for (let done = 0; done < length; ) {
    const size = Math.min(buffer.length, length - done);
    const found = await readUpTo(handle, position + done, buffer.subarray(0, size));
    if (!isZero(buffer.subarray(0, found)))
      await writeFully(handle, position + done, zeros.subarray(0, size));
    done += size;
  }
}

/** The runs of `bytes` (as of `position` in a file) that hold data, on the file's 64 KiB grid. */
export function dataRuns(position: number, bytes: Uint8Array): Extent[] {
  const runs: Extent[] = [];
  let runStart = -1;
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + HOLE_BYTES - ((position + at) % HOLE_BYTES));
    const zero = isZero(bytes.subarray(at, end));
    if (!zero && runStart < 0) runStart = at;
    if (zero && runStart >= 0) {
      runs.push({ offset: position + runStart, length: at - runStart });
      runStart = -1;
    }
    at = end;
  }
  if (runStart >= 0) runs.push({ offset: position + runStart, length: bytes.length - runStart });
  return runs;
}

function* gapsBetween(runs: readonly Extent[], position: number, length: number): Generator<Extent> {
  let at = position;
  for (const run of runs) {
    if (run.offset > at) yield { offset: at, length: run.offset - at };
    at = run.offset + run.length;
  }
  if (position + length > at) yield { offset: at, length: position + length - at };
}

export interface SparseCopy {
  readonly from: string;
  /** Created, or replaced when it is there. */
  readonly to: string;
  /** Size of the copy; the source's when absent. Longer reads as zeros at the end, shorter cuts. */
  readonly size?: number;
  readonly signal?: AbortSignal;
  /** Called as the copy goes on with the number of source bytes done. */
  readonly onProgress?: (doneBytes: number) => void;
}

/**
 * Copies a file keeping its holes: a source without a single allocated block is not read at all; elsewhere all
 * is read (Node offers no SEEK_DATA) and zeros are not written. The copy shares no storage with the source.
 */
export async function copySparse({ from, to, size, signal, onProgress }: SparseCopy): Promise<void> {
  const source = await open(from, 'r');
  try {
    const target = await open(to, constants.O_CREAT | constants.O_TRUNC | constants.O_RDWR);
    try {
      const info = await source.stat();
      const length = Math.min(info.size, size ?? info.size);
      if (info.blocks > 0) await copyData({ source, target, length, signal, onProgress });
      await target.truncate(size ?? info.size);
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

interface DataCopy {
  readonly source: FileHandle;
  readonly target: FileHandle;
  readonly length: number;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((doneBytes: number) => void) | undefined;
}

async function copyData({ source, target, length, signal, onProgress }: DataCopy): Promise<void> {
  const buffer = Buffer.allocUnsafe(COPY_BYTES);
  for (let at = 0; at < length; ) {
    signal?.throwIfAborted();
    const found = await readUpTo(source, at, buffer.subarray(0, Math.min(buffer.length, length - at)));
    if (found === 0) return;
    await writeSparse(target, at, buffer.subarray(0, found));
    at += found;
    onProgress?.(at);
  }
}

/** Reads until `into` is full or the file ends; returns the number of bytes read. */
export async function readUpTo(handle: FileHandle, position: number, into: Uint8Array): Promise<number> {
  let done = 0;
  while (done < into.length) {
    const { bytesRead } = await handle.read(into, done, into.length - done, position + done);
    if (bytesRead === 0) return done;
    done += bytesRead;
  }
  return done;
}

async function writeFully(handle: FileHandle, position: number, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

/** Bytes that the file system really keeps for this file: holes count nothing. */
export async function allocatedBytes(path: string): Promise<number> {
  // st_blocks counts 512-byte units whatever the file system's own block size is (stat(2)).
  return (await stat(path)).blocks * 512;
}
