import { BLOCK_BYTES } from './block.ts';
import { DIGEST_BYTES, type Digest, digestFromBytes, digestToBytes } from './digest.ts';
import { CorruptObject } from './errors.ts';
import { seal, TRAILER_BYTES, unseal, writeHeader } from './sealed.ts';

/** A disk of 64 TiB, the largest EBS volume, in segments of 1 GiB. */
export const DISK_MOST_SEGMENTS = 65_536;
/** The largest EBS volume. */
export const DISK_MOST_BYTES = 64 * 1024 ** 4;
export const DEFAULT_SEGMENT_BYTES = 1024 ** 3;

const FIELDS_BYTES = 104;
const SEGMENT_BYTES = DIGEST_BYTES + 4;
const PACK_BYTES = DIGEST_BYTES + 4;

export interface SegmentReference {
  /** Digest of its digest list. */
  readonly digest: Digest;
  readonly dataBlocks: number;
}

/** The fields of a disk object that the manifest repeats. */
export interface DiskFacts {
  readonly size: number;
  readonly segmentBytes: number;
  readonly writtenBlocks: number;
  readonly diskDigest: Digest;
  readonly writtenDigest: Digest;
}

export interface DiskObject extends DiskFacts {
  readonly digest: Digest;
  /** Bytes of the object it was read from. */
  readonly objectBytes: number;
  readonly segmentCount: number;
  segmentAt(index: number): SegmentReference;
  readonly packCount: number;
  /** Bytes of all packs on the disk's list. */
  readonly packBytes: number;
}

/** Blocks of the segment at `index`: the last one of a disk may be shorter. */
export function segmentBlocks({ size, segmentBytes }: DiskFacts, index: number): number {
  return Math.ceil(Math.min(segmentBytes, size - index * segmentBytes) / BLOCK_BYTES);
}

/** `packs` by digest, with their sizes. */
export function encodeDisk(
  facts: DiskFacts,
  { segments, packs }: { segments: readonly SegmentReference[]; packs: ReadonlyMap<Digest, number> },
): { bytes: Uint8Array; digest: Digest } {
  const packsAt = FIELDS_BYTES + segments.length * SEGMENT_BYTES;
  const bytes = Buffer.alloc(packsAt + packs.size * PACK_BYTES + TRAILER_BYTES);
  writeHeader(bytes, 'LFDK');
  bytes.writeBigUInt64LE(BigInt(facts.size), 8);
  bytes.writeBigUInt64LE(BigInt(facts.segmentBytes), 16);
  bytes.writeBigUInt64LE(BigInt(facts.writtenBlocks), 24);
  digestToBytes(facts.diskDigest).copy(bytes, 32);
  digestToBytes(facts.writtenDigest).copy(bytes, 64);
  bytes.writeUInt32LE(segments.length, 96);
  bytes.writeUInt32LE(packs.size, 100);
  writeEntries(
    bytes,
    FIELDS_BYTES,
    segments.map(({ digest, dataBlocks }) => [digest, dataBlocks]),
  );
  writeEntries(
    bytes,
    packsAt,
    [...packs].sort(([a], [b]) => (a < b ? -1 : 1)),
  );
  return { bytes, digest: seal(bytes) };
}

function writeEntries(bytes: Buffer, from: number, entries: readonly (readonly [Digest, number])[]): void {
  let at = from;
  for (const [digest, count] of entries) {
    digestToBytes(digest).copy(bytes, at);
    at = bytes.writeUInt32LE(count, at + DIGEST_BYTES);
  }
}

/** Checks a disk object's form; whether it is the one it is named by is the caller's to check. @throws CorruptObject */
export function parseDisk(key: string, object: Uint8Array): DiskObject {
  const { bytes, digest } = unseal(key, object, 'LFDK');
  const fail = (problem: string) => new CorruptObject(key, { problem });
  if (bytes.length < FIELDS_BYTES + TRAILER_BYTES) throw fail('is too short for a disk');
  const facts = {
    size: Number(bytes.readBigUInt64LE(8)),
    segmentBytes: Number(bytes.readBigUInt64LE(16)),
    writtenBlocks: Number(bytes.readBigUInt64LE(24)),
    diskDigest: digestFromBytes(bytes.subarray(32, 64)),
    writtenDigest: digestFromBytes(bytes.subarray(64, 96)),
  };
  const segmentCount = bytes.readUInt32LE(96);
  const packCount = bytes.readUInt32LE(100);
  checkShape(facts, { segmentCount, fail });
  const packsAt = FIELDS_BYTES + segmentCount * SEGMENT_BYTES;
  const end = packsAt + packCount * PACK_BYTES;
  if (bytes.length !== end + TRAILER_BYTES) throw fail('has another length than its counts say');
  let packBytes = 0;
  for (let at = packsAt; at < end; at += PACK_BYTES) packBytes += bytes.readUInt32LE(at + DIGEST_BYTES);
  // A copy of the segments alone: a reader keeps them, and has no use for the list of packs.
  const segments = Buffer.from(bytes.subarray(FIELDS_BYTES, packsAt));
  const counts = { objectBytes: bytes.length, segmentCount, packCount, packBytes };
  const disk = { ...facts, ...counts, digest, segmentAt: segmentReader(segments) };
  checkCounts(disk, fail);
  return disk;
}

const segmentReader =
  (segments: Buffer) =>
  (index: number): SegmentReference => {
    const at = index * SEGMENT_BYTES;
    return {
      digest: digestFromBytes(segments.subarray(at, at + DIGEST_BYTES)),
      dataBlocks: segments.readUInt32LE(at + DIGEST_BYTES),
    };
  };

interface Check {
  readonly segmentCount: number;
  readonly fail: (problem: string) => CorruptObject;
}

function checkShape({ size, segmentBytes }: DiskFacts, { segmentCount, fail }: Check): void {
  if (size === 0 || size > DISK_MOST_BYTES) throw fail(`says that its disk has ${size} bytes`);
  if (segmentBytes === 0 || segmentBytes % BLOCK_BYTES !== 0)
    throw fail(`has segments of ${segmentBytes} bytes`);
  const expected = Math.ceil(size / segmentBytes);
  if (segmentCount !== expected || segmentCount > DISK_MOST_SEGMENTS) {
    throw fail(`has ${segmentCount} segments, where its size takes ${expected}`);
  }
}

function checkCounts(disk: DiskObject, fail: (problem: string) => CorruptObject): void {
  let dataBlocks = 0;
  for (let index = 0; index < disk.segmentCount; index += 1) {
    const segment = disk.segmentAt(index);
    if (segment.dataBlocks > segmentBlocks(disk, index))
      throw fail(`has too many data blocks in segment ${index}`);
    dataBlocks += segment.dataBlocks;
  }
  if (dataBlocks !== disk.writtenBlocks) throw fail('has another number of data blocks than its segments');
}
