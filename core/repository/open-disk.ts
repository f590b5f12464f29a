import { type Bytes, type DiskId, parseBytes, type RestorePointId } from '../model/ids.ts';
import type { Manifest, ManifestDisk } from '../model/manifest.ts';
import { BLOCK_BYTES, decompressBlock } from './block.ts';
import { type Digest, isDigest, sha256 } from './digest.ts';
import { type DiskObject, segmentBlocks } from './disk-format.ts';
import { CorruptBlock, CorruptObject, DiskNotFound } from './errors.ts';
import { diskKey, packKey } from './keys.ts';
import { getReferenced, loadDisk, loadSegment, placed } from './objects.ts';
import { type PlannedFetch, type PlannedPiece, planFetches } from './read-plan.ts';
import type { Repository } from './repository.ts';
import { runAhead } from './run-ahead.ts';
import type { Store } from './store.ts';

/**
 * Verified content, or a run of zeros, `offset` bytes from the disk's start. `digest` is the SHA-256 of the whole block,
 * 32 bytes; a disk's last block, whose `bytes` are cut to its end, is padded with zeros for it.
 */
export type DiskPiece =
  | {
      readonly kind: 'data';
      readonly offset: number;
      readonly bytes: Uint8Array;
      readonly digest: Uint8Array;
    }
  | { readonly kind: 'zeros'; readonly offset: number; readonly length: number };

/** What a segment lists, without where it lies. */
export interface SegmentList {
  /** Bytes from the disk's start. */
  readonly offset: number;
  readonly blockCount: number;
  /**
   * The blocks that are not zero, by ascending `index`, which counts from the segment's first block. `digest` is the
   * SHA-256 of the whole block, 32 bytes; a disk's last block is padded with zeros.
   */
  readonly dataBlocks: readonly { readonly index: number; readonly digest: Uint8Array }[];
}

export interface DiskReader {
  readonly size: Bytes;
  readonly segmentBytes: number;
  readonly segmentCount: number;
  /** SHA-256 over the digests of all blocks in order, those of zeros too. */
  readonly diskDigest: Digest;
  /** Whether any block of the segments [from, to) is non-zero. */
  hasData(from: number, to: number): Promise<boolean>;
  /** Reads no pack. @throws CorruptObject, StoreFailed, RangeError, or the signal's reason */
  listSegment(index: number, options?: { readonly signal?: AbortSignal }): Promise<SegmentList>;
  /**
   * Verified content of the segments [from, to), in ascending order and without gaps: data blocks and runs of zeros.
   * A run of zeros is as long as it can be; the last piece is cut to the disk's end. Reads ahead within the memory budget.
   * The bytes belong to the caller. Several reads may be under way, each with a budget of its own.
   * @throws CorruptBlock, CorruptObject, StoreFailed, RangeError, or the signal's reason
   */
  read(from: number, to: number, options?: { readonly signal?: AbortSignal }): AsyncIterable<DiskPiece>;
}

export interface OpenDiskOptions {
  readonly id: RestorePointId;
  readonly manifest: Manifest;
  readonly diskId: DiskId;
  /** What one read may hold in buffers; default 64 MiB, at least 8 MiB is used. */
  readonly memoryBytes?: number;
  readonly signal?: AbortSignal;
}

const MIB = 1024 ** 2;
const DEFAULT_MEMORY_BYTES = 64 * MIB;
const LEAST_MEMORY_BYTES = 8 * MIB;
// Longer reads gain nothing (one S3 stream carries 90 MB/s), shorter ones cost requests.
const FETCH_MOST_BYTES = 6 * MIB;

/** @throws DiskNotFound, CorruptObject */
export async function openDisk(
  { store }: Repository,
  { id, manifest, diskId, memoryBytes = DEFAULT_MEMORY_BYTES, signal }: OpenDiskOptions,
): Promise<DiskReader> {
  const listed = manifest.disks.find((disk) => disk.id === diskId);
  if (!listed) {
    const there = manifest.disks.map((disk) => disk.id).join(', ');
    throw new DiskNotFound(`restore point ${id} has no disk "${diskId}"; it has ${there}`);
  }
  const disk = await openListedDisk(store, listed, { id, signal });
  const reading: Reading = {
    store,
    id,
    diskId,
    disk,
    memoryBytes: Math.max(memoryBytes, LEAST_MEMORY_BYTES),
  };
  return {
    size: parseBytes(disk.size),
    segmentBytes: disk.segmentBytes,
    segmentCount: disk.segmentCount,
    diskDigest: disk.diskDigest,
    async hasData(from, to) {
      checkSegmentRange(disk, from, to);
      for (let index = from; index < to; index += 1) {
        if (disk.segmentAt(index).dataBlocks > 0) return true;
      }
      return false;
    },
    async listSegment(index, options = {}) {
      checkSegmentRange(disk, index, index + 1);
      return await listSegment(reading, { index, signal: options.signal });
    },
    read(from, to, options = {}) {
      checkSegmentRange(disk, from, to);
      return { [Symbol.asyncIterator]: () => readSegments(reading, { from, to, signal: options.signal }) };
    },
  };
}

/** The disk object that a manifest names, held against what the manifest says of it. @throws CorruptObject */
export async function openListedDisk(
  store: Store,
  listed: ManifestDisk,
  { id, signal }: { id: RestorePointId; signal?: AbortSignal },
): Promise<DiskObject> {
  const place = { restorePoint: id, diskId: listed.id };
  const digest = asDigest(listed.object);
  const disk = await loadDisk(store, digest, { signal }).catch((error: unknown) => {
    throw placed(error, place);
  });
  const differing = (['size', 'segmentBytes', 'writtenBlocks', 'diskDigest', 'writtenDigest'] as const).find(
    (fact) => disk[fact] !== listed[fact],
  );
  if (!differing) return disk;
  throw new CorruptObject(diskKey(digest), {
    problem: `says ${differing} ${disk[differing]}, its manifest ${listed[differing]}`,
    place,
  });
}

function asDigest(text: string): Digest {
  if (!isDigest(text)) throw new RangeError(`${text} is not a digest`);
  return text;
}

function checkSegmentRange({ segmentCount }: DiskObject, from: number, to: number): void {
  if (Number.isInteger(from) && Number.isInteger(to) && from >= 0 && from <= to && to <= segmentCount) return;
  throw new RangeError(`segments ${from} to ${to} are not among the ${segmentCount} of the disk`);
}

interface Reading {
  readonly store: Store;
  readonly id: RestorePointId;
  readonly diskId: DiskId;
  readonly disk: DiskObject;
  readonly memoryBytes: number;
}

interface SegmentRange {
  readonly from: number;
  readonly to: number;
  readonly signal?: AbortSignal;
}

async function* readSegments(
  reading: Reading,
  { from, to, signal }: SegmentRange,
): AsyncGenerator<DiskPiece, void, undefined> {
  const stop = new AbortController();
  const both = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const pieces = verifiedPieces(reading, { from, to, signal: both, onAbandon: () => stop.abort() });
  let zeros: (DiskPiece & { kind: 'zeros' }) | undefined;
  try {
    signal?.throwIfAborted();
    for await (const piece of pieces) {
      signal?.throwIfAborted();
      if (piece.kind === 'zeros') {
        zeros = zeros ? { ...zeros, length: zeros.length + piece.length } : piece;
        continue;
      }
      if (zeros) yield zeros;
      zeros = undefined;
      yield piece;
    }
    if (zeros) yield zeros;
  } catch (error) {
    // What was stopped because of the signal may fail in ways of its own; the signal is the cause.
    signal?.throwIfAborted();
    throw error;
  }
}

interface PieceOptions {
  readonly from: number;
  readonly to: number;
  readonly signal: AbortSignal;
  readonly onAbandon: () => void;
}

type FetchedPiece =
  | (PlannedPiece & { kind: 'zeros' })
  | (PlannedPiece & { kind: 'block' } & { readonly frame: Uint8Array });

/** Three stages, each running ahead of the next: segments, ranged reads of packs, blocks. */
function verifiedPieces(reading: Reading, options: PieceOptions): AsyncGenerator<DiskPiece, void, undefined> {
  const { memoryBytes } = reading;
  return runAhead(fetchedPieces(reading, options), {
    work: (piece) => (piece.kind === 'zeros' ? piece : verifyBlock(reading, piece)),
    costOf: (piece) => (piece.kind === 'zeros' ? 0 : BLOCK_BYTES + piece.frame.length),
    budget: memoryBytes / 2,
    // Of the stages only this one: an error in another is known before its turn, and what comes before it must still arrive.
    onAbandon: options.onAbandon,
  });
}

async function* fetchedPieces(reading: Reading, options: PieceOptions): AsyncGenerator<FetchedPiece> {
  const { disk, memoryBytes } = reading;
  const { signal } = options;
  const budget = (memoryBytes * 3) / 8;
  const plan = planFetches({
    ...options,
    disk,
    load: (index) => loadPlacedSegment(reading, { index, signal }),
    segmentBudget: memoryBytes / 16,
    fetchMostBytes: Math.min(FETCH_MOST_BYTES, budget / 2),
  });
  const fetches = runAhead(plan, {
    work: async (fetch) => ({ fetch, bytes: await fetchBytes(reading, fetch, signal) }),
    costOf: ({ start, end }) => end - start,
    budget,
    mostItems: 32,
  });
  for await (const { fetch, bytes } of fetches) {
    for (const piece of fetch.pieces) {
      if (piece.kind === 'zeros') yield piece;
      else {
        const { offset, length } = piece.block;
        yield { ...piece, frame: bytes.subarray(offset - fetch.start, offset - fetch.start + length) };
      }
    }
  }
}

async function loadPlacedSegment(
  { store, disk, id, diskId }: Reading,
  { index, signal }: { index: number; signal: AbortSignal | undefined },
) {
  try {
    return await loadSegment(store, disk, { index, signal });
  } catch (error) {
    throw placed(error, { restorePoint: id, diskId, offset: index * disk.segmentBytes });
  }
}

async function listSegment(
  reading: Reading,
  { index, signal }: { index: number; signal: AbortSignal | undefined },
): Promise<SegmentList> {
  const { disk } = reading;
  const offset = index * disk.segmentBytes;
  if (disk.segmentAt(index).dataBlocks === 0) {
    return { offset, blockCount: segmentBlocks(disk, index), dataBlocks: [] };
  }
  const segment = await loadPlacedSegment(reading, { index, signal });
  const dataBlocks = Array.from(segment.dataBlocks(), ({ index, digest }) => ({ index, digest }));
  return { offset, blockCount: segment.blockCount, dataBlocks };
}

const NOTHING = new Uint8Array();

async function fetchBytes(
  { store, id, diskId }: Reading,
  { pack, start, end, pieces }: PlannedFetch,
  signal: AbortSignal,
): Promise<Uint8Array> {
  if (pack === undefined) return NOTHING;
  const key = packKey(pack);
  try {
    return await getReferenced(store, key, { offset: start, length: end - start, signal });
  } catch (cause) {
    if (!(cause instanceof CorruptObject)) throw cause;
    const offset = await firstUnreadable(store, { key, pieces, signal });
    throw new CorruptBlock(key, {
      problem: cause.problem,
      place: { restorePoint: id, diskId, offset },
      cause,
    });
  }
}

/** Which block of a failed read is the first that is not there. */
async function firstUnreadable(
  store: Store,
  { key, pieces, signal }: { key: string; pieces: readonly PlannedPiece[]; signal: AbortSignal },
): Promise<number> {
  const blocks = pieces.filter((piece) => piece.kind === 'block');
  for (const { offset, block } of blocks) {
    try {
      await getReferenced(store, key, { offset: block.offset, length: block.length, signal });
    } catch (error) {
      if (error instanceof CorruptObject) return offset;
      throw error;
    }
  }
  return blocks[0]?.offset ?? 0;
}

async function verifyBlock(
  { id, diskId, disk }: Reading,
  { offset, block, frame }: FetchedPiece & { kind: 'block' },
): Promise<DiskPiece> {
  const problem = (text: string, cause?: unknown) =>
    new CorruptBlock(packKey(block.pack.digest), {
      problem: text,
      place: { restorePoint: id, diskId, offset },
      cause,
    });
  const bytes = await decompressBlock(frame).catch((cause: unknown) => {
    throw problem('holds a frame that does not decompress', cause);
  });
  if (bytes.length !== BLOCK_BYTES || !sha256(bytes).equals(block.digest)) {
    throw problem('holds bytes with another digest');
  }
  const length = Math.min(BLOCK_BYTES, disk.size - offset);
  return { kind: 'data', offset, bytes: bytes.subarray(0, length), digest: block.digest };
}
