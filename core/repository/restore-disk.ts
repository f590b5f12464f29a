import type { BlockTarget } from './block-target.ts';
import type { DiskReader } from './open-disk.ts';

export interface RestoreProgress {
  /** Bytes of the disk dealt with, zeros included: reaches `sizeBytes`. */
  readonly doneBytes: number;
  readonly sizeBytes: number;
  readonly writtenBytes: number;
  readonly zeroedBytes: number;
}

export interface RestoreDiskOptions {
  /** Whether ranges of zeros are zeroed: true unless the target is known to read as zeros. What lies past the disk's end is left alone. */
  readonly zeroRanges: boolean;
  readonly onProgress?: (progress: RestoreProgress) => void;
  readonly signal?: AbortSignal;
}

/**
 * Writes a whole disk onto a target, several blocks at a time, and flushes it. Only verified blocks are written.
 * @throws TargetTooSmall before anything is written; CorruptBlock, CorruptObject, StoreFailed, what the target throws, or the signal's reason
 */
export async function restoreDisk(
  _reader: DiskReader,
  _target: BlockTarget,
  _options: RestoreDiskOptions,
): Promise<{ writtenBytes: number; zeroedBytes: number }> {
  throw new Error('not built yet');
}
