import { BLOCK_BYTES, decompressBlock } from './block.ts';
import { bufferOver, type Digest, sha256 } from './digest.ts';
import { CorruptObject } from './errors.ts';
import { packKey } from './keys.ts';
import { getReferenced } from './objects.ts';
import { type FramePlace, PACK_MOST_BYTES, parsePack } from './pack-format.ts';
import { makePackTables } from './pack-tables.ts';
import { runAhead } from './run-ahead.ts';
import { checkName } from './sealed.ts';
import type { DataBlock } from './segment-format.ts';
import { makeSlots } from './slots.ts';
import { ObjectNotFound, type Store } from './store.ts';

const MIB = 1024 ** 2;
const PACKS_AT_ONCE = 2;
const READ_BYTES = 6 * MIB;
const FRAMES_BUDGET = 16 * MIB;

/** A pack as a segment or a listing knows it. */
interface SizedPack {
  readonly digest: Digest;
  readonly size: number;
}

export interface BlockProblem {
  readonly object: 'pack' | 'segment';
  readonly problem: string;
}

export interface PackChecks {
  /** Checks a pack once, whoever asks and however often. */
  check(pack: SizedPack): Promise<void>;
  isChecked(digest: Digest): boolean;
  /** What is wrong with a block where its segment places it, and with which object; `undefined` where it is sound. */
  problemOf(block: DataBlock): Promise<BlockProblem | undefined>;
}

export interface PackChecksOptions {
  readonly store: Store;
  /** Whether whole packs are read; otherwise their tables only. */
  readonly readData: boolean;
  readonly signal: AbortSignal | undefined;
  readonly onDamage: (error: CorruptObject) => void;
  readonly onRead: (bytes: number) => void;
}

type PackState = 'sound' | 'damaged' | 'missing';

export function makePackChecks({ store, readData, signal, onDamage, onRead }: PackChecksOptions): PackChecks {
  const slots = makeSlots(PACKS_AT_ONCE);
  const states = new Map<Digest, Promise<PackState>>();
  const noted = new Map<string, PackState>();
  const note = (error: CorruptObject): PackState => {
    const known = noted.get(error.key);
    if (known) return known;
    // A missing object is told by whoever misses it.
    const state = error.cause instanceof ObjectNotFound ? 'missing' : 'damaged';
    if (state === 'damaged') onDamage(error);
    noted.set(error.key, state);
    return state;
  };
  const tables = makePackTables(store, { signal, onDamage: note });

  const checkWhole = async (pack: SizedPack): Promise<PackState> => {
    const release = await slots.take();
    try {
      await checkPack(store, { ...pack, signal });
      onRead(pack.size);
      return 'sound';
    } catch (error) {
      if (error instanceof CorruptObject) return note(error);
      throw error;
    } finally {
      release();
    }
  };
  const stateOf = (pack: SizedPack): Promise<PackState> => {
    const state = states.get(pack.digest) ?? checkWhole(pack);
    // Thrown to whoever waits for it.
    state.catch(() => undefined);
    states.set(pack.digest, state);
    return state;
  };
  return {
    async check(pack) {
      if (readData) await stateOf(pack);
    },
    isChecked: (digest) => states.has(digest),
    async problemOf(block) {
      const state = readData ? await stateOf(block.pack) : 'sound';
      const table = state === 'missing' ? undefined : await tables.get(block.pack);
      if (noted.get(packKey(block.pack.digest)) === 'missing')
        return { object: 'pack', problem: 'is missing' };
      const isNamed = table?.has(block, block.digest) ?? false;
      if (isNamed && state === 'sound') return undefined;
      const problem = await problemOfFrame(store, {
        pack: block.pack.digest,
        place: block,
        digest: block.digest,
        signal,
      });
      if (problem === undefined) {
        // The block is there: only the table, which a new backup relies on, is damaged.
        if (table) note(new CorruptObject(packKey(block.pack.digest), { problem: 'has a damaged table' }));
        return undefined;
      }
      if (state !== 'sound' || !table) return { object: 'pack', problem };
      // The pack is as it was written: it is the segment that points to the wrong place.
      return {
        object: 'segment',
        problem: `places a block where pack ${block.pack.digest} has no such frame`,
      };
    },
  };
}

/** Reads a block where it should be. */
async function problemOfFrame(
  store: Store,
  { pack, place, digest, signal }: { pack: Digest; place: FramePlace; digest: Buffer; signal?: AbortSignal },
): Promise<string | undefined> {
  try {
    const { offset, length } = place;
    const frame = await getReferenced(store, packKey(pack), { offset, length, signal });
    return await problemOfBytes(frame, digest);
  } catch (error) {
    if (error instanceof CorruptObject) return error.problem;
    throw error;
  }
}

async function problemOfBytes(frame: Uint8Array, digest: Buffer): Promise<string | undefined> {
  const block = await decompressBlock(frame).catch(() => undefined);
  if (!block) return 'holds a frame that does not decompress';
  const isRight = block.length === BLOCK_BYTES && sha256(block).equals(digest);
  return isRight ? undefined : 'holds bytes with another digest';
}

/** Reads a whole pack and checks every frame of it. @throws CorruptObject */
async function checkPack(
  store: Store,
  { digest, size, signal }: SizedPack & { signal?: AbortSignal },
): Promise<void> {
  const key = packKey(digest);
  if (size > PACK_MOST_BYTES)
    throw new CorruptObject(key, { problem: `has ${size} bytes, more than any pack` });
  const pack = parsePack(key, await readWhole(store, { key, size, signal }));
  checkName(key, { own: pack.digest, named: digest });
  const frames = Array.from({ length: pack.table.frames }, (_, index) => pack.table.frameAt(index));
  const problems = runAhead(frames, {
    work: ({ offset, length, blockDigest }) =>
      problemOfBytes(pack.bytes.subarray(offset, offset + length), blockDigest),
    costOf: () => BLOCK_BYTES,
    budget: FRAMES_BUDGET,
  });
  let index = 0;
  for await (const problem of problems) {
    signal?.throwIfAborted();
    if (problem) throw new CorruptObject(key, { problem: `${problem} (its frame ${index})` });
    index += 1;
  }
}

/** In ranges, so that one slow or broken answer does not cost the whole; `size` is what it should be. */
async function readWhole(
  store: Store,
  { key, size, signal }: { key: string; size: number; signal?: AbortSignal },
): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(size);
  const offsets = Array.from({ length: Math.ceil(size / READ_BYTES) }, (_, index) => index * READ_BYTES);
  const parts = runAhead(offsets, {
    work: async (offset) => {
      const isLast = offset + READ_BYTES >= size;
      // The last one is asked for to the object's end, so that anything too much shows.
      const part = await getReferenced(
        store,
        key,
        isLast ? { offset, signal } : { offset, length: READ_BYTES, signal },
      );
      return { offset, part };
    },
    costOf: () => READ_BYTES,
    budget: 2 * READ_BYTES,
  });
  for await (const { offset, part } of parts) {
    if (offset + part.length > size)
      throw new CorruptObject(key, { problem: `is longer than its ${size} bytes` });
    bytes.set(bufferOver(part), offset);
  }
  return bytes;
}
