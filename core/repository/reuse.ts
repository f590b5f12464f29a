import { BLOCK_BYTES } from './block.ts';
import type { Digest } from './digest.ts';
import type { DiskObject } from './disk-format.ts';
import { CorruptObject } from './errors.ts';
import { segmentKey } from './keys.ts';
import { loadSegment } from './objects.ts';
import type { FramePlace, PackReference } from './pack-format.ts';
import type { PackTables } from './pack-tables.ts';
import type { DataBlock, Segment } from './segment-format.ts';
import type { Store } from './store.ts';
import type { TaskSet } from './task-set.ts';

/** A pack that is in the repository, or on its way there. */
export interface PackHandle {
  /** Resolves once the pack is in the repository; rejects where it never will be. */
  readonly stored: Promise<PackReference>;
}

/** Where a block of the run lies. It is known once the block has been appended to its pack; blocks are appended in their order. */
export interface BlockEntry {
  place?: FramePlace & { readonly pack: PackHandle };
  /** The parent's segment that holds it at the same position; `undefined` where it was found or stored otherwise. */
  readonly segment?: Digest;
}

/** A way to find a block that the repository holds already. More ways (other disks, other machines) can be put beside these. */
export interface BlockLookup {
  /** `position` counts the disk's blocks from 0 and ascends from call to call; `digest` is the 32 bytes of the block's digest. */
  find(position: number, digest: Buffer): Promise<BlockEntry | undefined>;
}

const CACHED_BLOCKS = 65_536;

/** Blocks seen earlier in the run, in whatever disk: a bounded number, the oldest forgotten first. */
export function makeRunCache(): BlockLookup & { add(digest: Buffer, entry: BlockEntry): void } {
  const entries = new Map<string, BlockEntry>();
  return {
    async find(_position, digest) {
      return entries.get(digest.toString('latin1'));
    },
    add(digest, entry) {
      const oldest = entries.size >= CACHED_BLOCKS && entries.keys().next();
      if (oldest && !oldest.done) entries.delete(oldest.value);
      // The entry itself where its place is not known yet; elsewhere in the run its segment means nothing.
      entries.set(digest.toString('latin1'), entry.segment ? { place: entry.place } : entry);
    },
  };
}

export interface ParentDisk {
  readonly store: Store;
  readonly disk: DiskObject;
  readonly tables: PackTables;
  readonly onDamage: (key: string) => void;
  /** Where loads are kept an eye on that nobody waits for. */
  readonly tasks: TaskSet;
  readonly signal?: AbortSignal;
}

/** The parent's block at the same position, if its pack is there and says so too. */
export function makeParentLookup({ store, disk, tables, onDamage, tasks, signal }: ParentDisk): BlockLookup {
  const blocksPerSegment = disk.segmentBytes / BLOCK_BYTES;
  const loaded = new Map<number, Promise<Segment | undefined>>();

  const load = async (index: number): Promise<Segment | undefined> => {
    if (index >= disk.segmentCount || disk.segmentAt(index).dataBlocks === 0) return undefined;
    try {
      const segment = await loadSegment(store, disk, { index, signal });
      warmUp(tables, segment);
      return segment;
    } catch (error) {
      if (!(error instanceof CorruptObject)) throw error;
      onDamage(error.key);
      return undefined;
    }
  };
  const segmentAt = (index: number): Promise<Segment | undefined> => {
    for (const wanted of [index, index + 1]) {
      if (loaded.has(wanted)) continue;
      const segment = tasks.add(load(wanted));
      segment.catch(() => undefined);
      loaded.set(wanted, segment);
    }
    for (const past of loaded.keys()) if (past < index) loaded.delete(past);
    return loaded.get(index) ?? load(index);
  };
  return {
    async find(position, digest) {
      const index = Math.floor(position / blocksPerSegment);
      const block = (await segmentAt(index))?.dataBlockAt(position % blocksPerSegment);
      if (!block?.digest.equals(digest)) return undefined;
      const name = disk.segmentAt(index).digest;
      const sound = await isSound(block, { tables, onDamage: () => onDamage(segmentKey(name)) });
      return sound ? { place: placeOf(block), segment: name } : undefined;
    },
  };
}

// Enough for a segment whose blocks lie in order; one that is scattered over more packs loads the rest when it gets there.
const WARMED_PACKS = 64;

/** Starts to load the tables that are about to be needed. */
function warmUp(tables: PackTables, { packs }: Segment): void {
  for (const pack of packs.slice(0, WARMED_PACKS)) tables.get(pack).catch(() => undefined);
}

/** Whether the block's pack is there, and has the block's frame where the segment says. */
export async function isSound(
  block: DataBlock,
  { tables, onDamage }: { tables: PackTables; onDamage: () => void },
): Promise<boolean> {
  const table = await tables.get(block.pack);
  if (!table) return false;
  if (table.has(block, block.digest)) return true;
  onDamage();
  return false;
}

const placeOf = ({ pack, offset, length }: DataBlock) => ({
  pack: { stored: Promise.resolve(pack) },
  offset,
  length,
});
