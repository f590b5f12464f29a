import { createHash } from 'node:crypto';
import { ZERO_DIGEST } from './block.ts';
import { DIGEST_BYTES, type Digest, digestFromBytes, digestToBytes } from './digest.ts';
import { CorruptObject } from './errors.ts';
import { type FramePlace, isFramePlace, isPackReference, type PackReference } from './pack-format.ts';
import { HEADER_BYTES, seal, TRAILER_BYTES, unseal, writeHeader } from './sealed.ts';

const COUNTS_BYTES = 8;
const PACK_BYTES = DIGEST_BYTES + 8;
const DATA_BLOCK_BYTES = DIGEST_BYTES + 12;

/** Where a data block lies. */
export interface BlockPlace extends FramePlace {
  readonly pack: PackReference;
}

export interface DataBlock extends BlockPlace {
  /** Place of the block in its segment, from 0. */
  readonly index: number;
  /** 32 bytes. */
  readonly digest: Buffer;
}

export interface Segment {
  readonly blockCount: number;
  readonly dataBlockCount: number;
  /** Bytes of the object it was read from. */
  readonly objectBytes: number;
  readonly packs: readonly PackReference[];
  /** Ascending by index. */
  dataBlocks(): IterableIterator<DataBlock>;
  /** The data block at this place, or `undefined` for a zero block. */
  dataBlockAt(index: number): DataBlock | undefined;
}

// Room for a GiB of zero blocks' digests at a time.
const ZERO_DIGESTS = Buffer.concat(Array.from({ length: 2048 }, () => ZERO_DIGEST));

interface DigestSink {
  update(bytes: Uint8Array): unknown;
}

/** Feeds the digests of `count` zero blocks. */
export function feedZeroDigests(sink: DigestSink, count: number): void {
  for (let left = count * DIGEST_BYTES; left > 0; left -= ZERO_DIGESTS.length) {
    sink.update(left < ZERO_DIGESTS.length ? ZERO_DIGESTS.subarray(0, left) : ZERO_DIGESTS);
  }
}

/** Feeds the digests of all `blockCount` blocks of a segment in order, zero blocks included. */
export function feedDigestList(
  sink: DigestSink,
  {
    blockCount,
    dataBlocks,
  }: { blockCount: number; dataBlocks: Iterable<{ index: number; digest: Uint8Array }> },
): void {
  let next = 0;
  for (const { index, digest } of dataBlocks) {
    feedZeroDigests(sink, index - next);
    sink.update(digest);
    next = index + 1;
  }
  feedZeroDigests(sink, blockCount - next);
}

/** What a segment is named by. */
export function digestOfList(list: Parameters<typeof feedDigestList>[1]): Digest {
  const hash = createHash('sha256');
  feedDigestList(hash, list);
  return digestFromBytes(hash.digest());
}

/** `dataBlocks` ascend by index. */
export function encodeSegment({
  blockCount,
  dataBlocks,
}: {
  blockCount: number;
  dataBlocks: readonly (BlockPlace & { readonly index: number; readonly digest: Uint8Array })[];
}): Uint8Array {
  const packs = new Map<Digest, { readonly pack: PackReference; readonly place: number }>();
  for (const { pack } of dataBlocks) {
    if (!packs.has(pack.digest)) packs.set(pack.digest, { pack, place: packs.size });
  }
  const layout = layoutOf({ blockCount, packCount: packs.size, dataBlockCount: dataBlocks.length });
  const bytes = Buffer.alloc(layout.size);
  writeHeader(bytes, 'LFSG');
  bytes.writeUInt32LE(blockCount, HEADER_BYTES);
  bytes.writeUInt32LE(packs.size, HEADER_BYTES + 4);
  for (const { pack, place } of packs.values()) {
    const at = layout.packs + place * PACK_BYTES;
    digestToBytes(pack.digest).copy(bytes, at);
    bytes.writeUInt32LE(pack.size, at + DIGEST_BYTES);
    bytes.writeUInt32LE(pack.frames, at + DIGEST_BYTES + 4);
  }
  let at = layout.dataBlocks;
  for (const { index, digest, pack, offset, length } of dataBlocks) {
    const bit = layout.bitmap + (index >> 3);
    bytes[bit] = (bytes[bit] ?? 0) | (1 << (index & 7));
    bytes.set(digest, at);
    bytes.writeUInt32LE(packs.get(pack.digest)?.place ?? 0, at + DIGEST_BYTES);
    bytes.writeUInt32LE(offset, at + DIGEST_BYTES + 4);
    bytes.writeUInt32LE(length, at + DIGEST_BYTES + 8);
    at += DATA_BLOCK_BYTES;
  }
  seal(bytes);
  return bytes;
}

interface SegmentCounts {
  readonly blockCount: number;
  readonly packCount: number;
  readonly dataBlockCount: number;
}

/** Where the parts of a segment object begin. */
function layoutOf({ blockCount, packCount, dataBlockCount }: SegmentCounts) {
  const packs = HEADER_BYTES + COUNTS_BYTES;
  const bitmap = packs + packCount * PACK_BYTES;
  const dataBlocks = bitmap + Math.ceil(blockCount / 8);
  return { packs, bitmap, dataBlocks, size: dataBlocks + dataBlockCount * DATA_BLOCK_BYTES + TRAILER_BYTES };
}

/**
 * Checks a segment object against the digest it is named by.
 * @throws CorruptObject
 */
export function parseSegment(key: string, object: Uint8Array, named: Digest): Segment {
  const { bytes } = unseal(key, object, 'LFSG');
  const fail = (problem: string) => new CorruptObject(key, { problem });
  const shortest = layoutOf({ blockCount: 0, packCount: 0, dataBlockCount: 0 }).size;
  if (bytes.length < shortest) throw fail('is too short for a segment');
  const blockCount = bytes.readUInt32LE(HEADER_BYTES);
  const packCount = bytes.readUInt32LE(HEADER_BYTES + 4);
  const upToBlocks = layoutOf({ blockCount, packCount, dataBlockCount: 0 });
  if (bytes.length < upToBlocks.size) throw fail('is shorter than its counts say');
  const indexes = indexesOf(bytes.subarray(upToBlocks.bitmap, upToBlocks.dataBlocks));
  const layout = layoutOf({ blockCount, packCount, dataBlockCount: indexes.length });
  if (bytes.length !== layout.size) throw fail('has another length than its counts say');
  if ((indexes.at(-1) ?? 0) >= blockCount) throw fail('has data blocks past its end');
  const packs = readPacks(bytes.subarray(layout.packs, layout.bitmap));
  if (!packs.every(isPackReference)) throw fail('refers to a pack that cannot be');
  const blocks = bytes.subarray(layout.dataBlocks);
  const segment = { ...segmentOver({ blockCount, packs, indexes, blocks }), objectBytes: bytes.length };
  checkDataBlocks(segment, fail);
  const digest = digestOfList({ blockCount, dataBlocks: segment.dataBlocks() });
  if (digest !== named) throw fail(`holds another segment: its digest list has the digest ${digest}`);
  return segment;
}

/** Places of the set bits, ascending. */
function indexesOf(bitmap: Uint8Array): number[] {
  const indexes: number[] = [];
  for (const [at, byte] of bitmap.entries()) {
    for (let bit = 0; bit < 8; bit += 1) {
      if (byte & (1 << bit)) indexes.push(at * 8 + bit);
    }
  }
  return indexes;
}

function readPacks(bytes: Buffer): PackReference[] {
  return Array.from({ length: bytes.length / PACK_BYTES }, (_, index) => {
    const at = index * PACK_BYTES;
    return {
      digest: digestFromBytes(bytes.subarray(at, at + DIGEST_BYTES)),
      size: bytes.readUInt32LE(at + DIGEST_BYTES),
      frames: bytes.readUInt32LE(at + DIGEST_BYTES + 4),
    };
  });
}

const NO_PACK: PackReference = { digest: digestFromBytes(Buffer.alloc(DIGEST_BYTES)), size: 0, frames: 0 };

function segmentOver({
  blockCount,
  packs,
  indexes,
  blocks,
}: {
  blockCount: number;
  packs: readonly PackReference[];
  indexes: readonly number[];
  blocks: Buffer;
}): Omit<Segment, 'objectBytes'> {
  const blockOf = (nth: number, index: number): DataBlock => {
    const at = nth * DATA_BLOCK_BYTES;
    return {
      index,
      digest: blocks.subarray(at, at + DIGEST_BYTES),
      // A place past the list is refused by checkDataBlocks before anyone sees it.
      pack: packs[blocks.readUInt32LE(at + DIGEST_BYTES)] ?? NO_PACK,
      offset: blocks.readUInt32LE(at + DIGEST_BYTES + 4),
      length: blocks.readUInt32LE(at + DIGEST_BYTES + 8),
    };
  };
  const nthOf = new Map(indexes.map((index, nth) => [index, nth]));
  return {
    blockCount,
    dataBlockCount: indexes.length,
    packs,
    *dataBlocks() {
      for (const [nth, index] of indexes.entries()) yield blockOf(nth, index);
    },
    dataBlockAt(index) {
      const nth = nthOf.get(index);
      return nth === undefined ? undefined : blockOf(nth, index);
    },
  };
}

function checkDataBlocks(
  segment: Pick<Segment, 'dataBlocks'>,
  fail: (problem: string) => CorruptObject,
): void {
  for (const block of segment.dataBlocks()) {
    if (!isFramePlace(block.pack, block)) throw fail(`places its block ${block.index} where no frame can be`);
    if (block.digest.equals(ZERO_DIGEST)) throw fail(`stores its block ${block.index}, which is all zeros`);
  }
}
