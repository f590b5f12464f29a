import type { Digest } from './digest.ts';
import type { SegmentReference } from './disk-format.ts';
import { CorruptObject } from './errors.ts';
import { segmentKey } from './keys.ts';
import { getReferenced } from './objects.ts';
import type { PackReference } from './pack-format.ts';
import type { PackTables } from './pack-tables.ts';
import { type BlockEntry, isSound } from './reuse.ts';
import { type DataBlock, digestOfList, encodeSegment, parseSegment } from './segment-format.ts';
import type { Slots } from './slots.ts';
import type { Store } from './store.ts';
import { makeTaskSet } from './task-set.ts';

export interface CollectedBlock {
  readonly index: number;
  readonly digest: Buffer;
  readonly entry: BlockEntry;
}

export interface CollectedSegment {
  readonly blockCount: number;
  /** Ascending by index. */
  readonly dataBlocks: readonly CollectedBlock[];
}

export interface SegmentWriter {
  /** Takes the disk's next segment; it is stored once its packs are. Waits while too many are on their way to the store. */
  add(segment: CollectedSegment): Promise<void>;
  /** All segments, once they and their packs are stored; the packs' last one must have been flushed. */
  finish(): Promise<{
    readonly segments: readonly SegmentReference[];
    readonly packs: ReadonlyMap<Digest, number>;
  }>;
  /** Waits for what is on its way, however it ends; the packs must have been flushed or abandoned. */
  settle(): Promise<void>;
}

export interface SegmentWriterOptions {
  readonly store: Store;
  readonly tables: PackTables;
  /** Of all segments on their way, of all disks. */
  readonly slots: Slots;
  readonly signal: AbortSignal;
  readonly beforePut: () => void;
  readonly onWritten: () => void;
  readonly onDamage: (key: string) => void;
  readonly onFailure: (error: unknown) => void;
}

const WAITING_MOST = 64;

export function makeSegmentWriter(options: SegmentWriterOptions): SegmentWriter {
  const { slots, signal, onFailure } = options;
  const segments: SegmentReference[] = [];
  const packs = new Map<Digest, number>();
  const tasks = makeTaskSet();
  const nameOfZeros = makeZeroNames();

  const store = async (name: Digest, segment: CollectedSegment): Promise<void> => {
    const blocks = await placeBlocks(segment);
    const release = await slots.take();
    try {
      signal.throwIfAborted();
      for (const { digest, size } of await storeSegment(name, { ...segment, dataBlocks: blocks }, options)) {
        packs.set(digest, size);
      }
    } finally {
      release();
    }
  };
  return {
    async add(segment) {
      const { blockCount, dataBlocks } = segment;
      if (dataBlocks.length === 0) {
        segments.push({ digest: nameOfZeros(blockCount), dataBlocks: 0 });
        return;
      }
      const name = digestOfList(segment);
      segments.push({ digest: name, dataBlocks: dataBlocks.length });
      void tasks.add(store(name, segment).catch(onFailure));
      // Only what waits for the store counts: what waits for a pack may be waiting for blocks that are still to come.
      while (slots.waiting > WAITING_MOST) (await slots.take())();
    },
    async finish() {
      await tasks.settle();
      signal.throwIfAborted();
      return { segments, packs };
    },
    settle: () => tasks.settle(),
  };
}

/** A huge empty disk has thousands of equal segments. */
function makeZeroNames(): (blockCount: number) => Digest {
  const names = new Map<number, Digest>();
  return (blockCount) => {
    const name = names.get(blockCount) ?? digestOfList({ blockCount, dataBlocks: [] });
    names.set(blockCount, name);
    return name;
  };
}

type PlacedBlock = DataBlock & { readonly segment: Digest | undefined };

/** Waits for the packs of all blocks. */
async function placeBlocks({ dataBlocks }: CollectedSegment): Promise<PlacedBlock[]> {
  const placed: PlacedBlock[] = [];
  for (const { index, digest, entry } of dataBlocks) {
    if (!entry.place) throw new Error(`block ${index} of a segment was never appended to a pack`);
    const { offset, length, pack } = entry.place;
    placed.push({ index, digest, offset, length, pack: await pack.stored, segment: entry.segment });
  }
  return placed;
}

/** Stores one segment unless a sound one is there; answers the packs that the one in the store refers to. */
async function storeSegment(
  name: Digest,
  { blockCount, dataBlocks }: { blockCount: number; dataBlocks: readonly PlacedBlock[] },
  { store, tables, signal, beforePut, onWritten, onDamage }: SegmentWriterOptions,
): Promise<Iterable<PackReference>> {
  const packs = new Set(dataBlocks.map(({ pack }) => pack));
  // Every block is where the parent's own segment says, and was looked at: that very object is in the store.
  if (dataBlocks.every(({ segment }) => segment === name)) return packs;
  const key = segmentKey(name);
  const bytes = encodeSegment({ blockCount, dataBlocks });
  beforePut();
  if ((await store.put(key, bytes, { ifAbsent: true, signal })) === 'exists') {
    const existing = await soundPacksOf(name, { store, tables, signal, onDamage });
    if (existing) return existing;
    beforePut();
    await store.put(key, bytes, { signal });
  }
  onWritten();
  return packs;
}

/** The packs of a segment that is in the store already; `undefined` where it cannot be relied on. */
async function soundPacksOf(
  name: Digest,
  { store, tables, signal, onDamage }: Pick<SegmentWriterOptions, 'store' | 'tables' | 'signal' | 'onDamage'>,
): Promise<readonly PackReference[] | undefined> {
  const key = segmentKey(name);
  try {
    const segment = parseSegment(key, await getReferenced(store, key, { signal }), name);
    for (const block of segment.dataBlocks()) {
      if (!(await isSound(block, { tables, onDamage: () => onDamage(key) }))) return undefined;
    }
    return segment.packs;
  } catch (error) {
    if (!(error instanceof CorruptObject)) throw error;
    onDamage(key);
    return undefined;
  }
}
