import { digestFromBytes, sha256 } from './digest.ts';
import { CorruptObject } from './errors.ts';

const ENDING = /^ {2}"sha256": "([0-9a-f]{64})"\n\}\n$/;
const ENDING_BYTES = '  "sha256": ""\n}\n'.length + 64;

/** JSON text that ends with the digest of what precedes it (docs/repository-format.md, landfall.json). */
export function sealJson(members: Readonly<Record<string, unknown>>): Buffer {
  const head = `${JSON.stringify(members, null, 2).replace(/\n\}$/, '')},\n`;
  const digest = digestFromBytes(sha256(Buffer.from(head)));
  return Buffer.from(`${head}  "sha256": "${digest}"\n}\n`);
}

/** Checks the digest, then parses. @throws CorruptObject */
export function unsealJson(key: string, bytes: Uint8Array): unknown {
  const head = bytes.subarray(0, Math.max(0, bytes.length - ENDING_BYTES));
  const ending = Buffer.from(bytes.subarray(head.length)).toString('latin1');
  if (ENDING.exec(ending)?.[1] !== digestFromBytes(sha256(head))) {
    throw new CorruptObject(key, { problem: 'does not have the SHA-256 that it ends with' });
  }
  return parseJson(key, bytes);
}

/** @throws CorruptObject where the bytes are not JSON in UTF-8. */
export function parseJson(key: string, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new CorruptObject(key, { problem: 'is not JSON', cause });
  }
}
