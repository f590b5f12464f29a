import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { BlockRuns } from '../ec2/block-runs.ts';
import { isZero, readUpTo } from '../sparse/index.ts';
import { type BlockSet, makeBlockSet } from './block-set.ts';

export const DIGEST_BYTES = 32;
/** Digests are read this many at a time. */
const READ_DIGESTS = 32_768;

/**
 * The SHA-256 of every block of a snapshot that was put, at its place in a sparse file: 32 bytes for 512 KiB. A place
 * of zeros is a block that was not put, so that the file is also what a restart needs to go on.
 */
export interface DigestFile {
  write(block: number, digest: Uint8Array): Promise<void>;
  /** Makes a block one that was not put. */
  clear(block: number): Promise<void>;
  /** Base64 of the SHA-256 over the digests of these blocks, in their order: AWS's LINEAR aggregation. */
  linear(blocks: BlockRuns): Promise<string>;
  close(): Promise<void>;
}

const NOT_PUT = Buffer.alloc(DIGEST_BYTES);

/** Opens a snapshot's digests, and tells which blocks have one. */
export async function openDigestFile(
  file: string,
  blocks: number,
): Promise<{ readonly digests: DigestFile; readonly written: BlockSet }> {
  const handle = await open(file, constants.O_CREAT | constants.O_RDWR);
  const written = makeBlockSet(blocks);
  for await (const { block, bytes } of eachPiece(handle, [[0, blocks]])) {
    if (isZero(bytes)) continue;
    for (let i = 0; i < bytes.length / DIGEST_BYTES; i += 1) {
      if (!isZero(bytes.subarray(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES))) written.add(block + i);
    }
  }
  const digests: DigestFile = {
    write: async (block, digest) => void (await handle.write(digest, 0, DIGEST_BYTES, block * DIGEST_BYTES)),
    clear: async (block) => void (await handle.write(NOT_PUT, 0, DIGEST_BYTES, block * DIGEST_BYTES)),
    async linear(runs) {
      const hash = createHash('sha256');
      for await (const { bytes } of eachPiece(handle, runs)) hash.update(bytes);
      return hash.digest('base64');
    },
    close: () => handle.close(),
  };
  return { digests, written };
}

/** Pieces of whole digests; they end where the file does. */
async function* eachPiece(handle: FileHandle, runs: BlockRuns) {
  const buffer = Buffer.alloc(READ_DIGESTS * DIGEST_BYTES);
  for (const [first, count] of runs) {
    for (let block = first; block < first + count; block += READ_DIGESTS) {
      const wanted = Math.min(READ_DIGESTS, first + count - block) * DIGEST_BYTES;
      const length = await readUpTo(handle, block * DIGEST_BYTES, buffer.subarray(0, wanted));
      yield { block, bytes: buffer.subarray(0, length) };
      if (length < wanted) break;
    }
  }
}
