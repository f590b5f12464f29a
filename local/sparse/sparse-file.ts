import type { FileHandle } from 'node:fs/promises';
import type { Extent } from './extents.ts';
import { HOLE_BYTES, isZero } from './zero.ts';

/**
 * Writes `bytes` at `position`, leaving out every 64 KiB (aligned to the file's own 64 KiB grid) that is all
 * zero. The file must be a hole there already (new, or never written), else old bytes would show through. Returns
 * the ranges really written. The file's size is the caller's business (`truncate`): trailing zeros are not written.
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
