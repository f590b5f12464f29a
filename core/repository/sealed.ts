import { bufferOver, DIGEST_BYTES, type Digest, digestFromBytes, sha256 } from './digest.ts';
import { CorruptObject } from './errors.ts';

const VERSION = 1;
/** Four characters and the version. */
export const HEADER_BYTES = 8;
export const TRAILER_BYTES = DIGEST_BYTES;

export type Magic = 'LFPK' | 'LFSG' | 'LFDK';

/** Writes the header of a binary object. */
export function writeHeader(bytes: Buffer, magic: Magic): void {
  bytes.write(magic, 0, 'latin1');
  bytes.writeUInt32LE(VERSION, magic.length);
}

/** Fills in the trailer of a binary object whose other bytes are in place, and answers its own digest. */
export function seal(bytes: Buffer): Digest {
  const end = bytes.length - TRAILER_BYTES;
  const digest = sha256(bytes.subarray(0, end));
  digest.copy(bytes, end);
  return digestFromBytes(digest);
}

/**
 * Checks header and trailer of a binary object; answers its bytes and its own digest.
 * @throws CorruptObject
 */
export function unseal(key: string, object: Uint8Array, magic: Magic): { bytes: Buffer; digest: Digest } {
  const bytes = bufferOver(object);
  if (bytes.length < HEADER_BYTES + TRAILER_BYTES) {
    throw new CorruptObject(key, { problem: `has ${bytes.length} bytes, too few for what it should be` });
  }
  const end = bytes.length - TRAILER_BYTES;
  const digest = sha256(bytes.subarray(0, end));
  if (!digest.equals(bytes.subarray(end))) {
    throw new CorruptObject(key, { problem: 'does not have the SHA-256 that it ends with' });
  }
  checkHeader(key, bytes, magic);
  return { bytes, digest: digestFromBytes(digest) };
}

function checkHeader(key: string, bytes: Buffer, magic: Magic): void {
  const found = bytes.toString('latin1', 0, magic.length);
  const version = bytes.readUInt32LE(magic.length);
  if (found === magic && version === VERSION) return;
  throw new CorruptObject(key, {
    problem: `begins with ${JSON.stringify(found)} version ${version}, not "${magic}" version ${VERSION}`,
  });
}

/** @throws CorruptObject unless the object's own digest is the one it is named by. */
export function checkName(key: string, { own, named }: { own: Digest; named: Digest }): void {
  if (own === named) return;
  throw new CorruptObject(key, { problem: `holds another object: its own digest is ${own}` });
}
