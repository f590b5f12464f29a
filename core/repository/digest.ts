import { createHash } from 'node:crypto';
import type { Branded } from '../model/ids.ts';

/** A SHA-256 digest as 64 lower-case hexadecimal digits: how objects are named. */
export type Digest = Branded<string, 'Digest'>;

export const DIGEST_BYTES = 32;

const DIGEST = /^[0-9a-f]{64}$/;

export const isDigest = (text: string): text is Digest => DIGEST.test(text);

/** The 32 bytes of SHA-256. */
export const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** `bytes` are the 32 bytes of a digest. */
export function digestFromBytes(bytes: Uint8Array): Digest {
  const hex = bufferOver(bytes).toString('hex');
  if (!isDigest(hex)) throw new RangeError(`${bytes.length} bytes are not a SHA-256 digest`);
  return hex;
}

export const digestToBytes = (digest: Digest): Buffer => Buffer.from(digest, 'hex');

/** The same memory as a Buffer. */
export const bufferOver = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
