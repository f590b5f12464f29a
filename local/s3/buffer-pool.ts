/** Buffers of one size kept for reuse: making and collecting a MiB per MiB moved costs more than moving it. */
export interface BufferPool {
  take(): Buffer;
  /** Gives a buffer back; one of another size is left to the garbage collector. */
  give(buffer: Buffer): void;
}

export function makeBufferPool(bufferBytes: number, keep: number): BufferPool {
  const idle: Buffer[] = [];
  return {
    take: () => idle.pop() ?? Buffer.allocUnsafeSlow(bufferBytes),
    give: (buffer) => {
      if (buffer.length === bufferBytes && idle.length < keep) idle.push(buffer);
    },
  };
}
