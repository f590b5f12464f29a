import { type BufferPool, makeBufferPool } from '../s3/buffer-pool.ts';

/** Room for a bounded number of blocks in memory: who comes when there is none waits for it, first come, first served. */
export interface BlockSlots {
  /** @throws the signal's reason when it is aborted first */
  take(signal: AbortSignal): Promise<Buffer>;
  give(buffer: Buffer): void;
}

export function makeBlockSlots(blockBytes: number, slots: number): BlockSlots {
  const pool: BufferPool = makeBufferPool(blockBytes, slots);
  const waiting = new Set<(buffer: Buffer) => void>();
  let free = slots;
  return {
    take(signal) {
      if (free > 0) {
        free -= 1;
        return Promise.resolve(pool.take());
      }
      return new Promise((resolve, reject) => {
        const abort = () => {
          waiting.delete(serve);
          reject(signal.reason);
        };
        const serve = (buffer: Buffer) => {
          signal.removeEventListener('abort', abort);
          resolve(buffer);
        };
        if (signal.aborted) {
          reject(signal.reason);
          return;
        }
        signal.addEventListener('abort', abort, { once: true });
        waiting.add(serve);
      });
    },
    give(buffer) {
      const [next] = waiting;
      if (next) {
        waiting.delete(next);
        next(buffer);
        return;
      }
      free += 1;
      pool.give(buffer);
    },
  };
}
