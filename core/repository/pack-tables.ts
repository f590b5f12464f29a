import { CorruptObject } from './errors.ts';
import { packKey } from './keys.ts';
import { loadPackTable } from './objects.ts';
import type { PackReference, PackTable } from './pack-format.ts';
import { makeSlots } from './slots.ts';
import type { Store } from './store.ts';
import type { TaskSet } from './task-set.ts';

const CACHE_BYTES = 8 * 1024 ** 2;
const LOADS_AT_ONCE = 8;

/** Tables of packs, the most recently used of them kept. */
export interface PackTables {
  /** `undefined` where the pack is missing, is not the one it should be, or its tail is damaged. */
  get(pack: PackReference): Promise<PackTable | undefined>;
}

export interface PackTablesOptions {
  readonly signal?: AbortSignal;
  readonly onDamage: (error: CorruptObject) => void;
  /** Where loads are kept an eye on that nobody waits for. */
  readonly tasks?: TaskSet;
}

export function makePackTables(store: Store, { signal, onDamage, tasks }: PackTablesOptions): PackTables {
  const slots = makeSlots(LOADS_AT_ONCE);
  const cache = new Map<string, { readonly table: Promise<PackTable | undefined>; bytes: number }>();
  let cachedBytes = 0;

  const load = async (pack: PackReference): Promise<PackTable | undefined> => {
    const release = await slots.take();
    try {
      return await loadPackTable(store, pack, { signal });
    } catch (error) {
      if (!(error instanceof CorruptObject)) throw error;
      onDamage(error);
      return undefined;
    } finally {
      release();
    }
  };
  const evict = () => {
    for (const [name, { bytes }] of cache) {
      if (cachedBytes <= CACHE_BYTES) return;
      cache.delete(name);
      cachedBytes -= bytes;
    }
  };
  return {
    get(pack) {
      const name = `${packKey(pack.digest)} ${pack.size} ${pack.frames}`;
      const known = cache.get(name);
      if (known) {
        cache.delete(name);
        cache.set(name, known);
        return known.table;
      }
      const loading = load(pack);
      const entry = { table: tasks?.add(loading) ?? loading, bytes: pack.frames * 40 + 200 };
      // A failure to read is thrown to whoever asked, and tried again next time.
      entry.table.catch(() => {
        if (cache.get(name) !== entry) return;
        cache.delete(name);
        cachedBytes -= entry.bytes;
      });
      cache.set(name, entry);
      cachedBytes += entry.bytes;
      evict();
      return entry.table;
    },
  };
}
