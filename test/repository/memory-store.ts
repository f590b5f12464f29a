import {
  checkKey,
  ObjectNotFound,
  ObjectTooShort,
  type Store,
  type StoredObject,
} from '../../core/repository/store.ts';

export interface MemoryStore extends Store {
  readonly objects: Map<string, { bytes: Uint8Array; modified: Date }>;
}

/** A store in memory, proven by the same contract suite as the others: the ground of tests that break things. */
export function makeMemoryStore(clock: () => Date = () => new Date()): MemoryStore {
  const url = 'memory://test';
  const objects: MemoryStore['objects'] = new Map();
  return {
    url,
    objects,
    async get(key, { offset = 0, length, signal } = {}) {
      checkKey(key);
      signal?.throwIfAborted();
      await undefined;
      const found = objects.get(key);
      if (!found) throw new ObjectNotFound(key, { url });
      const end = length === undefined ? found.bytes.length : offset + length;
      if (end > found.bytes.length || (offset > 0 && offset >= found.bytes.length)) {
        throw new ObjectTooShort(key, { url, wanted: { offset, length } });
      }
      return found.bytes.slice(offset, end);
    },
    async put(key, bytes, { ifAbsent = false, signal } = {}) {
      checkKey(key);
      signal?.throwIfAborted();
      if (ifAbsent && objects.has(key)) return 'exists';
      objects.set(key, { bytes: Uint8Array.from(bytes), modified: clock() });
      return 'written';
    },
    async *list(prefix, { startAfter = '', signal } = {}): AsyncGenerator<StoredObject> {
      for (const key of [...objects.keys()].sort()) {
        signal?.throwIfAborted();
        const found = objects.get(key);
        if (!found || !key.startsWith(prefix) || key <= startAfter) continue;
        yield { key, size: found.bytes.length, modified: found.modified };
      }
    },
    async delete(keys) {
      for (const key of keys) objects.delete(checkKey(key));
    },
  };
}

/** A copy that can be broken without hurting the original. */
export function copyOf(store: MemoryStore): MemoryStore {
  const copy = makeMemoryStore();
  for (const [key, { bytes, modified }] of store.objects) {
    copy.objects.set(key, { bytes: Uint8Array.from(bytes), modified });
  }
  return copy;
}
