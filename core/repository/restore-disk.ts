import { BLOCK_BYTES } from './block.ts';
import type { BlockTarget } from './block-target.ts';
import { TargetTooSmall } from './errors.ts';
import type { DiskPiece, DiskReader } from './open-disk.ts';
import { runAhead } from './run-ahead.ts';

export interface SegmentsProgress {
  /** Bytes dealt with, zeros included. */
  readonly doneBytes: number;
  readonly writtenBytes: number;
  readonly zeroedBytes: number;
}

export interface RestoreProgress extends SegmentsProgress {
  /** What `doneBytes` reaches. */
  readonly sizeBytes: number;
}

interface CommonOptions {
  /** Whether ranges of zeros are zeroed: true unless the target is known to read as zeros. What lies past the disk's end is left alone. */
  readonly zeroRanges: boolean;
  readonly signal?: AbortSignal;
}

export interface RestoreSegmentsOptions extends CommonOptions {
  readonly from: number;
  readonly to: number;
  /** Of blocks that are being written; 16 MiB when absent. What is being read comes on top: the reader has a budget of its own. */
  readonly writesBytes?: number;
  readonly onProgress?: (progress: SegmentsProgress) => void;
}

// Enough for a disk to be busy.
const WRITES_BYTES = 16 * 1024 ** 2;

/**
 * Writes the segments [from, to) of a disk onto a target, several blocks at a time. Only verified blocks are written. Does not flush.
 * @throws CorruptBlock, CorruptObject, StoreFailed, RangeError, what the target throws, or the signal's reason; nothing is being written any more then
 */
export async function restoreSegments(
  reader: DiskReader,
  target: BlockTarget,
  { from, to, zeroRanges, writesBytes = WRITES_BYTES, onProgress, signal }: RestoreSegmentsOptions,
): Promise<SegmentsProgress> {
  let [doneBytes, writtenBytes, zeroedBytes] = [0, 0, 0];
  const put = async (piece: DiskPiece): Promise<DiskPiece> => {
    if (piece.kind === 'data') await target.write(piece.offset, piece.bytes);
    else if (zeroRanges) await target.zero(piece.offset, piece.length);
    return piece;
  };
  const pieces = runAhead(reader.read(from, to, { signal }), {
    work: put,
    costOf: ({ kind }) => (kind === 'data' ? BLOCK_BYTES : 0),
    budget: writesBytes,
  });
  for await (const piece of pieces) {
    signal?.throwIfAborted();
    if (piece.kind === 'data') writtenBytes += piece.bytes.length;
    else if (zeroRanges) zeroedBytes += piece.length;
    doneBytes += piece.kind === 'data' ? piece.bytes.length : piece.length;
    onProgress?.({ doneBytes, writtenBytes, zeroedBytes });
  }
  return { doneBytes, writtenBytes, zeroedBytes };
}

export interface RestoreDiskOptions extends CommonOptions {
  readonly onProgress?: (progress: RestoreProgress) => void;
}

/**
 * Writes a whole disk onto a target, several blocks at a time, and flushes it. Only verified blocks are written.
 * @throws TargetTooSmall before anything is written; CorruptBlock, CorruptObject, StoreFailed, what the target throws, or the signal's reason
 */
export async function restoreDisk(
  reader: DiskReader,
  target: BlockTarget,
  { onProgress, ...options }: RestoreDiskOptions,
): Promise<{ writtenBytes: number; zeroedBytes: number }> {
  const { size: sizeBytes, segmentCount } = reader;
  if (target.size < sizeBytes) {
    throw new TargetTooSmall(`the disk has ${sizeBytes} bytes, the target only ${target.size}`);
  }
  const { writtenBytes, zeroedBytes } = await restoreSegments(reader, target, {
    ...options,
    from: 0,
    to: segmentCount,
    onProgress: onProgress && ((progress) => onProgress({ ...progress, sizeBytes })),
  });
  await target.flush();
  return { writtenBytes, zeroedBytes };
}
