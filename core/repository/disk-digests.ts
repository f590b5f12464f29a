import { createHash } from 'node:crypto';
import { ZERO_DIGEST } from './block.ts';
import { type Digest, digestFromBytes } from './digest.ts';
import { feedZeroDigests } from './segment-format.ts';

export interface DiskDigests {
  addZeros(blocks: number): void;
  addData(digest: Uint8Array): void;
  /** All blocks of a segment; `dataBlocks` ascend by index. */
  addSegment(list: {
    readonly blockCount: number;
    readonly dataBlocks: Iterable<{ readonly index: number; readonly digest: Uint8Array }>;
  }): void;
  finish(): { readonly diskDigest: Digest; readonly writtenDigest: Digest; readonly writtenBlocks: number };
}

/** The two digests of a disk, fed with its blocks in order. */
export function makeDiskDigests(): DiskDigests {
  const all = createHash('sha256');
  const written = createHash('sha256');
  let writtenBlocks = 0;
  const addZeros = (blocks: number) => feedZeroDigests(all, blocks);
  const addData = (digest: Uint8Array) => {
    if (ZERO_DIGEST.equals(digest)) throw new Error('a zero block is not data');
    all.update(digest);
    written.update(digest);
    writtenBlocks += 1;
  };
  return {
    addZeros,
    addData,
    addSegment({ blockCount, dataBlocks }) {
      let next = 0;
      for (const { index, digest } of dataBlocks) {
        addZeros(index - next);
        addData(digest);
        next = index + 1;
      }
      addZeros(blockCount - next);
    },
    finish: () => ({
      diskDigest: digestFromBytes(all.digest()),
      writtenDigest: digestFromBytes(written.digest()),
      writtenBlocks,
    }),
  };
}
