import { BLOCK_BYTES, isZero } from '../../core/repository/index.ts';
import type { OpenDevice } from '../devices/open-device.ts';
import { VolumeNotBlank } from '../errors.ts';

const EDGE_BYTES = 1024 ** 2;
/** A partition table, LVM, md and file systems show at the edges; data between them, in one of so many places. */
const SAMPLES = 256;
const SAMPLE_BYTES = 64 * 1024;

export interface BlankOptions {
  readonly signal: AbortSignal;
  /** From 0 to less than 1. */
  readonly random?: () => number;
}

/** Sees that a volume reads as zeros: its first and last MiB, and samples spread over all of it. @throws VolumeNotBlank, DeviceFailed, or the signal's reason */
export async function checkBlank(
  device: OpenDevice,
  { signal, random = Math.random }: BlankOptions,
): Promise<void> {
  for (const range of rangesToCheck(device.size, random)) {
    signal.throwIfAborted();
    const blank = await device.read(range, isZero);
    if (blank) continue;
    throw new VolumeNotBlank(
      `volume ${device.volumeId}, which was created empty, holds data between the offsets ${range.offset} and ${range.offset + range.length}; nothing was written to it`,
    );
  }
}

function* rangesToCheck(size: number, random: () => number) {
  yield* pieces(0, Math.min(EDGE_BYTES, size));
  yield* pieces(Math.max(0, alignDown(size - EDGE_BYTES)), size);
  const stretch = size / SAMPLES;
  for (let nth = 0; nth < SAMPLES; nth += 1) {
    const offset = alignDown((nth + random()) * stretch);
    yield { offset, length: Math.min(SAMPLE_BYTES, size - offset) };
  }
}

function* pieces(from: number, to: number) {
  for (let offset = from; offset < to; offset += BLOCK_BYTES) {
    yield { offset, length: Math.min(BLOCK_BYTES, to - offset) };
  }
}

const SECTOR_BYTES = 4096;
const alignDown = (offset: number): number => Math.floor(offset / SECTOR_BYTES) * SECTOR_BYTES;
