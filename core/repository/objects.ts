import type { Digest } from './digest.ts';
import { type DiskFacts, type DiskObject, parseDisk, segmentBlocks } from './disk-format.ts';
import { CorruptObject, type Place } from './errors.ts';
import { diskKey, packKey, segmentKey } from './keys.ts';
import { type PackReference, type PackTable, parsePackTail, tailOffset } from './pack-format.ts';
import { checkName } from './sealed.ts';
import { parseSegment, type Segment } from './segment-format.ts';
import { ObjectNotFound, type ObjectRange, ObjectTooShort, type Store } from './store.ts';

interface Options {
  readonly signal?: AbortSignal;
}

/** Gets what something else refers to. @throws CorruptObject where it is missing or too short */
export async function getReferenced(
  store: Store,
  key: string,
  range: ObjectRange & Options = {},
): Promise<Uint8Array> {
  try {
    return await store.get(key, range);
  } catch (cause) {
    if (cause instanceof ObjectNotFound) throw new CorruptObject(key, { problem: 'is missing', cause });
    if (cause instanceof ObjectTooShort)
      throw new CorruptObject(key, { problem: 'is shorter than it was', cause });
    throw cause;
  }
}

/** @throws CorruptObject */
export async function loadDisk(store: Store, digest: Digest, { signal }: Options = {}): Promise<DiskObject> {
  const key = diskKey(digest);
  const disk = parseDisk(key, await getReferenced(store, key, { signal }));
  checkName(key, { own: disk.digest, named: digest });
  return disk;
}

/** The segment at `index` of a disk, which must have data. @throws CorruptObject */
export async function loadSegment(
  store: Store,
  disk: DiskFacts & Pick<DiskObject, 'segmentAt'>,
  { index, signal }: { index: number } & Options,
): Promise<Segment> {
  const { digest, dataBlocks } = disk.segmentAt(index);
  const key = segmentKey(digest);
  const segment = parseSegment(key, await getReferenced(store, key, { signal }), digest);
  const blockCount = segmentBlocks(disk, index);
  if (segment.blockCount === blockCount && segment.dataBlockCount === dataBlocks) return segment;
  const found = `${segment.dataBlockCount} data blocks of ${segment.blockCount}`;
  throw new CorruptObject(key, {
    problem: `has ${found}, where its disk says ${dataBlocks} of ${blockCount}`,
  });
}

/** The table of a pack, without reading its frames. @throws CorruptObject */
export async function loadPackTable(
  store: Store,
  pack: PackReference,
  { signal }: Options = {},
): Promise<PackTable> {
  const key = packKey(pack.digest);
  const offset = tailOffset(pack);
  return parsePackTail(
    key,
    await getReferenced(store, key, { offset, length: pack.size - offset, signal }),
    pack,
  );
}

/** The same error, saying where in a backed-up machine it matters. */
export function placed(error: unknown, place: Place): unknown {
  if (!(error instanceof CorruptObject)) return error;
  return new CorruptObject(error.key, { problem: error.problem, place, cause: error });
}
