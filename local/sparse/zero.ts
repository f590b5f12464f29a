/**
 * Runs of zero bytes at least this long (and aligned to it) become holes. File systems allocate in 4 KiB
 * blocks, so any multiple would do; 64 KiB keeps the number of write calls and of extents low.
 */
export const HOLE_BYTES = 64 * 1024;

const ZEROS = Buffer.alloc(1024 * 1024);

/** A shared block of zeros to send or write from; never write into it. */
export const zeroBlock: Uint8Array = ZEROS;

/** Whether every byte is zero. Buffer.compare runs at memory speed; a loop in JavaScript does not. */
export function isZero(bytes: Uint8Array): boolean {
  // Most data says so in its first byte: spare it the call.
  if (bytes.length > 0 && bytes[0] !== 0) return false;
  for (let at = 0; at < bytes.length; at += ZEROS.length) {
    const end = Math.min(bytes.length, at + ZEROS.length);
    if (ZEROS.compare(bytes, at, end, 0, end - at) !== 0) return false;
  }
  return true;
}
