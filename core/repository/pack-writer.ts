import { packKey } from './keys.ts';
import { makePackBuffer, type PackBuffer, type PackReference, packBufferBytes } from './pack-format.ts';
import { putExactly } from './put-exactly.ts';
import type { BlockEntry, PackHandle } from './reuse.ts';
import { makeSlots } from './slots.ts';
import type { Store } from './store.ts';
import { makeTaskSet } from './task-set.ts';

export interface PackWriter {
  /** Copies a frame into the pack being filled; answers where it will lie. Waits while all buffers are on their way to the store. */
  append(frame: Uint8Array, blockDigest: Uint8Array): Promise<NonNullable<BlockEntry['place']>>;
  /** Sends off what has been appended. */
  flush(): void;
  /** Drops what has been appended since the last pack, and waits for the packs on their way, however they end. */
  abandon(reason: unknown): Promise<void>;
}

export interface PackWriterOptions {
  readonly store: Store;
  /** Frames of a pack, in bytes. */
  readonly frameBytes: number;
  /** How many packs are in memory: one being filled, the others on their way. At least 2. */
  readonly buffers: number;
  readonly signal: AbortSignal;
  /** Called before each put; throws where writing must stop. */
  readonly beforePut: () => void;
  readonly onStored: (key: string, outcome: 'written' | 'kept' | 'replaced') => void;
  readonly onFailure: (error: unknown) => void;
}

export function makePackWriter(options: PackWriterOptions): PackWriter {
  const { frameBytes, buffers, signal, onFailure } = options;
  const slots = makeSlots(buffers);
  const free: Buffer[] = [];
  const tasks = makeTaskSet();
  let filling: FillingPack | undefined;

  const begin = async (): Promise<FillingPack> => {
    const release = await slots.take();
    signal.throwIfAborted();
    const buffer = free.pop() ?? Buffer.allocUnsafe(packBufferBytes(frameBytes));
    const { promise: stored, resolve, reject } = Promise.withResolvers<PackReference>();
    // Whoever refers to the pack finds out; the run as a whole is told by onFailure.
    stored.catch(() => undefined);
    const giveBack = () => {
      free.push(buffer);
      release();
    };
    return { pack: makePackBuffer(buffer, frameBytes), handle: { stored }, resolve, reject, giveBack };
  };
  const flush = () => {
    if (!filling) return;
    const { pack, resolve, reject, giveBack } = filling;
    filling = undefined;
    const sent = storePack(pack, options)
      .then(resolve, (error: unknown) => {
        reject(error);
        onFailure(error);
      })
      .finally(giveBack);
    void tasks.add(sent);
  };
  return {
    async append(frame, blockDigest) {
      if (filling && !filling.pack.hasRoom(frame.length)) flush();
      filling ??= await begin();
      return { ...filling.pack.append(frame, blockDigest), pack: filling.handle };
    },
    flush,
    async abandon(reason) {
      filling?.reject(reason);
      filling?.giveBack();
      filling = undefined;
      await tasks.settle();
    },
  };
}

interface FillingPack {
  readonly pack: PackBuffer;
  readonly handle: PackHandle;
  readonly resolve: (reference: PackReference) => void;
  readonly reject: (error: unknown) => void;
  readonly giveBack: () => void;
}

async function storePack(
  pack: PackBuffer,
  { store, signal, beforePut, onStored }: PackWriterOptions,
): Promise<PackReference> {
  const { bytes, reference } = pack.finish();
  beforePut();
  const key = packKey(reference.digest);
  onStored(key, await putExactly(store, { key, bytes, signal }));
  return reference;
}
