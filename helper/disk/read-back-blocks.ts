import { BLOCK_BYTES, type SegmentList } from '../../core/repository/index.ts';

/** A block that is to be read back. */
export interface ExpectedBlock {
  /** Bytes from the disk's start. */
  readonly offset: number;
  /** SHA-256 of the block; none: it must be zeros. */
  readonly digest: Uint8Array | undefined;
}

export function* everyBlock({ offset, blockCount, dataBlocks }: SegmentList): Generator<ExpectedBlock> {
  const digests = new Map(dataBlocks.map(({ index, digest }) => [index, digest]));
  for (let index = 0; index < blockCount; index += 1) {
    yield { offset: offset + index * BLOCK_BYTES, digest: digests.get(index) };
  }
}

/** Of the data blocks between the first and the last one of a segment: some 8 MiB per GiB, so that reading back takes a hundredth of writing. */
const SHARE_OF_DATA = 1 / 128;
/** Of a whole disk, about. */
const BLOCKS_OF_ZEROS = 1024;

export interface SampleOptions {
  readonly segmentCount: number;
  /** From 0 to less than 1; others each time, so that no block is never looked at. */
  readonly random: () => number;
}

/** The first and the last data block of a segment, some between, and a block of zeros. */
export function* sampledBlocks(
  { offset, blockCount, dataBlocks }: SegmentList,
  { segmentCount, random }: SampleOptions,
): Generator<ExpectedBlock> {
  const last = dataBlocks.length - 1;
  for (const [nth, { index, digest }] of dataBlocks.entries()) {
    if (nth > 0 && nth < last && random() >= SHARE_OF_DATA) continue;
    yield { offset: offset + index * BLOCK_BYTES, digest };
  }
  const zeros = blockCount - dataBlocks.length;
  if (zeros === 0 || random() >= BLOCKS_OF_ZEROS / segmentCount) return;
  let index = Math.floor(random() * zeros);
  // The nth block of zeros lies behind the data blocks that come before it.
  for (const block of dataBlocks) {
    if (block.index > index) break;
    index += 1;
  }
  yield { offset: offset + index * BLOCK_BYTES, digest: undefined };
}
