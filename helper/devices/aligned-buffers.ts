import { BLOCK_BYTES, makeSlots } from '../../core/repository/index.ts';

export interface AlignedBuffers {
  /** Lends a buffer of one block for as long as the action takes; waits for a free one. */
  lend<Result>(action: (block: Uint8Array) => Promise<Result>): Promise<Result>;
}

// Of Node's global; the types know it only together with those of browsers.
declare const WebAssembly: {
  readonly Memory: new (size: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
};

/** What memory of WebAssembly grows by. */
const WASM_PAGE_BYTES = 65_536;

/**
 * Buffers that begin at a page of memory, which reads past the page cache (O_DIRECT) ask for. Node's own buffers begin
 * anywhere; memory of WebAssembly always lies on pages, and can be had without running any.
 */
export function makeAlignedBuffers(count: number): AlignedBuffers {
  const pages = (count * BLOCK_BYTES) / WASM_PAGE_BYTES;
  const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const free = Array.from(
    { length: count },
    (_, nth) => new Uint8Array(buffer, nth * BLOCK_BYTES, BLOCK_BYTES),
  );
  const slots = makeSlots(count);
  return {
    async lend(action) {
      const giveBack = await slots.take();
      const block = free.pop();
      if (!block) throw new RangeError('more buffers are lent than there are');
      try {
        return await action(block);
      } finally {
        free.push(block);
        giveBack();
      }
    },
  };
}
