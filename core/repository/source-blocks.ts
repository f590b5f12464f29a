import type { DiskId } from '../model/ids.ts';
import { BLOCK_BYTES, blocksOf, isZero, padToBlock } from './block.ts';
import { sha256 } from './digest.ts';
import { SourceHintWrong, SourceReadShort, SourceSizeChanged } from './errors.ts';
import { runAhead } from './run-ahead.ts';
import type { DiskSource } from './source.ts';

/** A run of zero blocks, or one data block with its digest; `index` counts the disk's blocks. */
export type SourceBlock =
  | { readonly kind: 'zeros'; readonly index: number; readonly count: number }
  | { readonly kind: 'data'; readonly index: number; readonly digest: Buffer; readonly block: Uint8Array };

export interface ReadSourceOptions {
  readonly diskId: DiskId;
  readonly size: number;
  /** What blocks that are being read, or wait, may take. */
  readonly budget: number;
}

/**
 * All blocks of a source in order, several being read at a time.
 * @throws SourceReadShort, SourceSizeChanged, SourceHintWrong, and what the source throws
 */
export function readSource(
  source: DiskSource,
  options: ReadSourceOptions,
): AsyncGenerator<SourceBlock, void, undefined> {
  return runAhead(blocksToRead(source, options), {
    work: (piece) => (piece.kind === 'zeros' ? piece : readBlock(source, { ...options, index: piece.index })),
    costOf: (piece) => (piece.kind === 'zeros' ? 0 : BLOCK_BYTES),
    budget: options.budget,
  });
}

type PieceToRead =
  | { readonly kind: 'zeros'; readonly index: number; readonly count: number }
  | { readonly kind: 'data'; readonly index: number };

/** Blocks to read, and runs that need no reading because the source says so. */
async function* blocksToRead(
  source: DiskSource,
  { diskId, size }: ReadSourceOptions,
): AsyncGenerator<PieceToRead> {
  const end = blocksOf(size);
  for (let next = 0; next < end; ) {
    const extent = await nextExtent(source, { diskId, size, offset: next * BLOCK_BYTES });
    const from = extent ? Math.max(next, Math.floor(extent.offset / BLOCK_BYTES)) : end;
    if (from > next) yield { kind: 'zeros', index: next, count: from - next };
    // A block of which the hint names a part only is read whole.
    next = extent ? Math.max(from + 1, Math.min(end, blocksOf(extent.offset + extent.length))) : end;
    for (let index = from; index < next; index += 1) yield { kind: 'data', index };
  }
}

async function nextExtent(
  source: DiskSource,
  { diskId, size, offset }: { diskId: DiskId; size: number; offset: number },
): Promise<{ offset: number; length: number } | undefined> {
  if (!source.nextData) return { offset, length: size - offset };
  const extent = await source.nextData(offset);
  if (!extent) return undefined;
  const fits = extent.offset >= offset && extent.length > 0 && extent.offset + extent.length <= size;
  if (fits) return extent;
  throw new SourceHintWrong(
    `disk ${diskId}: asked for data at or after offset ${offset}, its source names ${extent.length} bytes at ${extent.offset} of ${size}`,
  );
}

async function readBlock(
  source: DiskSource,
  { diskId, size, index }: ReadSourceOptions & { index: number },
): Promise<SourceBlock> {
  const offset = index * BLOCK_BYTES;
  const length = Math.min(BLOCK_BYTES, size - offset);
  const bytes = await source.read(offset, length);
  if (bytes.length !== length) {
    throw new SourceReadShort(
      `disk ${diskId}: its source answered ${bytes.length} bytes for ${length} at offset ${offset}`,
    );
  }
  if (isZero(bytes)) return { kind: 'zeros', index, count: 1 };
  const block = padToBlock(bytes);
  return { kind: 'data', index, digest: sha256(block), block };
}

/** @throws SourceSizeChanged */
export async function checkSize(
  source: DiskSource,
  { diskId, size }: { diskId: DiskId; size: number },
): Promise<void> {
  const now = (await source.currentSize?.()) ?? source.size;
  if (now === size) return;
  throw new SourceSizeChanged(`disk ${diskId} had ${size} bytes when its backup began and has ${now} now`);
}
