import { setImmediate } from 'node:timers/promises';
import type { BackupDisk } from './backup-request.ts';
import { BLOCK_BYTES, blocksOf, compressBlock } from './block.ts';
import { makeDiskDigests } from './disk-digests.ts';
import type { DiskFacts } from './disk-format.ts';
import type { PackWriter } from './pack-writer.ts';
import type { BlockEntry, BlockLookup, makeRunCache } from './reuse.ts';
import { runAhead } from './run-ahead.ts';
import type { CollectedBlock, SegmentWriter } from './segment-writer.ts';
import { checkSize, readSource, type SourceBlock } from './source-blocks.ts';

export interface DiskBackupOptions {
  readonly disk: BackupDisk;
  readonly size: number;
  readonly segmentBytes: number;
  readonly packs: PackWriter;
  readonly segments: SegmentWriter;
  readonly cache: ReturnType<typeof makeRunCache>;
  /** Where the parent holds this disk. */
  readonly parent: BlockLookup | undefined;
  /** What blocks in memory may take. */
  readonly memoryBytes: number;
  readonly signal: AbortSignal;
  readonly onProgress: (counts: DiskCounts) => void;
}

/** Bytes, since the disk's backup began. */
export interface DiskCounts {
  readBytes: number;
  dataBytes: number;
  storedBytes: number;
  reusedBytes: number;
}

export interface ReadDisk {
  readonly facts: DiskFacts;
  readonly counts: DiskCounts;
}

/**
 * Reads a disk and hands its new blocks to the packs and its segments to the segment writer; some of both may still be on their way
 * when it answers. Four stages: read and digest, look up, compress, append in order.
 */
export async function readDisk(options: DiskBackupOptions): Promise<ReadDisk> {
  const { disk, size, segmentBytes, memoryBytes, packs, signal } = options;
  const counts: DiskCounts = { readBytes: 0, dataBytes: 0, storedBytes: 0, reusedBytes: 0 };
  const digests = makeDiskDigests();
  const collector = makeCollector(options);
  const compressed = runAhead(lookUp(options), {
    work: compressNew,
    costOf: ({ kind }) => (kind === 'new' ? 2 * BLOCK_BYTES : 0),
    budget: (memoryBytes * 2) / 3,
  });
  for await (const found of compressed) {
    signal.throwIfAborted();
    if (found.kind === 'zeros') {
      digests.addZeros(found.count);
      await collector.addZeros(found.count);
    } else {
      if (found.kind === 'new') found.entry.place = await packs.append(found.frame, found.digest);
      digests.addData(found.digest);
      await collector.addData(found);
    }
    count(counts, found, size);
    options.onProgress(counts);
  }
  await collector.finish();
  await checkSize(disk.source, { diskId: disk.id, size });
  return { facts: { size, segmentBytes, ...digests.finish() }, counts };
}

type DataFound = { readonly index: number; readonly digest: Buffer; readonly entry: BlockEntry };
type Found =
  | (SourceBlock & { kind: 'zeros' })
  | ({ readonly kind: 'known' } & DataFound)
  | ({ readonly kind: 'new'; readonly block: Uint8Array } & DataFound);
type Compressed =
  | Exclude<Found, { kind: 'new' }>
  | ({ readonly kind: 'new'; readonly frame: Uint8Array } & DataFound);

/** Tells blocks that the repository holds from new ones, which later blocks of the run may refer to. */
async function* lookUp({ disk, size, memoryBytes, parent, cache }: DiskBackupOptions): AsyncGenerator<Found> {
  const blocks = readSource(disk.source, { diskId: disk.id, size, budget: memoryBytes / 3 });
  for await (const piece of blocks) {
    if (piece.kind === 'zeros') {
      yield piece;
      continue;
    }
    const { index, digest, block } = piece;
    const fromParent = await parent?.find(index, digest);
    const known = fromParent ?? (await cache.find(index, digest));
    if (fromParent) cache.add(digest, fromParent);
    if (known) {
      yield { kind: 'known', index, digest, entry: known };
      continue;
    }
    const entry: BlockEntry = {};
    cache.add(digest, entry);
    yield { kind: 'new', index, digest, entry, block };
  }
}

async function compressNew(found: Found): Promise<Compressed> {
  if (found.kind !== 'new') return found;
  const { block, ...rest } = found;
  return { ...rest, frame: await compressBlock(block) };
}

function count(counts: DiskCounts, found: Compressed, size: number): void {
  const blocks = found.kind === 'zeros' ? found.count : 1;
  const from = found.index * BLOCK_BYTES;
  const bytes = Math.min(from + blocks * BLOCK_BYTES, size) - from;
  counts.readBytes += bytes;
  if (found.kind === 'zeros') return;
  counts.dataBytes += bytes;
  if (found.kind === 'known') counts.reusedBytes += bytes;
  else counts.storedBytes += found.frame.length;
}

// A huge empty disk is thousands of segments without anything to wait for: others must get their turn.
const BREATHE_EVERY_SEGMENTS = 256;

/** Cuts the disk's blocks, in order, into segments. */
function makeCollector({ segments, segmentBytes, size, signal }: DiskBackupOptions) {
  const blocksPerSegment = segmentBytes / BLOCK_BYTES;
  const totalBlocks = blocksOf(size);
  let first = 0;
  let next = 0;
  let dataBlocks: CollectedBlock[] = [];

  const close = async () => {
    await segments.add({ blockCount: next - first, dataBlocks });
    first = next;
    dataBlocks = [];
    if ((first / blocksPerSegment) % BREATHE_EVERY_SEGMENTS !== 0) return;
    await setImmediate();
    signal.throwIfAborted();
  };
  const closeIfFull = async () => {
    if (next - first === blocksPerSegment) await close();
  };
  return {
    async addZeros(count: number) {
      for (const end = next + count; next < end; ) {
        next = Math.min(end, first + blocksPerSegment);
        await closeIfFull();
      }
    },
    async addData({ digest, entry }: DataFound) {
      dataBlocks.push({ index: next - first, digest, entry });
      next += 1;
      await closeIfFull();
    },
    async finish() {
      if (next > first) await close();
      if (next !== totalBlocks) throw new Error(`${next} of ${totalBlocks} blocks were collected`);
    },
  };
}
