import { bufferOver } from './digest.ts';
import { ObjectNotFound, ObjectTooShort, type Store } from './store.ts';

const COMPARE_BYTES = 4 * 1024 ** 2;

/**
 * Puts an object whose key stands for exactly these bytes. One that is there is compared, not trusted: where it differs
 * it is damaged, and is replaced.
 */
export async function putExactly(
  store: Store,
  { key, bytes, signal }: { key: string; bytes: Uint8Array; signal?: AbortSignal },
): Promise<'written' | 'kept' | 'replaced'> {
  if ((await store.put(key, bytes, { ifAbsent: true, signal })) === 'written') return 'written';
  if (await holds(store, { key, bytes, signal })) return 'kept';
  await store.put(key, bytes, { signal });
  return 'replaced';
}

async function holds(
  store: Store,
  { key, bytes, signal }: { key: string; bytes: Uint8Array; signal?: AbortSignal },
): Promise<boolean> {
  const wanted = bufferOver(bytes);
  try {
    for (let offset = 0; offset < wanted.length; offset += COMPARE_BYTES) {
      const last = offset + COMPARE_BYTES >= wanted.length;
      // The last part is asked for to the object's end, so that anything too much shows.
      const part = await store.get(
        key,
        last ? { offset, signal } : { offset, length: COMPARE_BYTES, signal },
      );
      if (!wanted.subarray(offset, last ? undefined : offset + COMPARE_BYTES).equals(part)) return false;
    }
    return true;
  } catch (error) {
    if (error instanceof ObjectTooShort || error instanceof ObjectNotFound) return false;
    throw error;
  }
}
