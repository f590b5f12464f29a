import { BLOCK_BYTES } from './block.ts';
import type { BlockTarget } from './block-target.ts';
import { TargetTooSmall } from './errors.ts';
import type { DiskPiece, DiskReader } from './open-disk.ts';
import { runAhead } from './run-ahead.ts';

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

// Of blocks that are being written: enough for a disk to be busy.
const WRITES_BYTES = 16 * 1024 ** 2;

/**
 * Writes a whole disk onto a target, several blocks at a time, and flushes it. Only verified blocks are written.
 * @throws TargetTooSmall before anything is written; CorruptBlock, CorruptObject, StoreFailed, what the target throws, or the signal's reason
 */
export async function restoreDisk(
  reader: DiskReader,
  target: BlockTarget,
  { zeroRanges, onProgress, signal }: RestoreDiskOptions,
): Promise<{ writtenBytes: number; zeroedBytes: number }> {
  const { size: sizeBytes } = reader;
  if (target.size < sizeBytes) {
    throw new TargetTooSmall(`the disk has ${sizeBytes} bytes, the target only ${target.size}`);
  }
  let [doneBytes, writtenBytes, zeroedBytes] = [0, 0, 0];
  const put = async (piece: DiskPiece): Promise<DiskPiece> => {
    if (piece.kind === 'data') await target.write(piece.offset, piece.bytes);
    else if (zeroRanges) await target.zero(piece.offset, piece.length);
    return piece;
  };
  const pieces = runAhead(reader.read(0, reader.segmentCount, { signal }), {
    work: put,
    costOf: ({ kind }) => (kind === 'data' ? BLOCK_BYTES : 0),
    budget: WRITES_BYTES,
  });
  for await (const piece of pieces) {
    signal?.throwIfAborted();
    if (piece.kind === 'data') writtenBytes += piece.bytes.length;
    else if (zeroRanges) zeroedBytes += piece.length;
    doneBytes += piece.kind === 'data' ? piece.bytes.length : piece.length;
    onProgress?.({ doneBytes, sizeBytes, writtenBytes, zeroedBytes });
  }
  await target.flush();
  return { writtenBytes, zeroedBytes };
}
