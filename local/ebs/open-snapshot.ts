import { constants } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { BLOCK_BYTES } from '../ec2/block-map.ts';
import type { BlockRuns } from '../ec2/block-runs.ts';
import type { BlockSet } from './block-set.ts';
import { type DigestFile, openDigestFile } from './digest-file.ts';
import { invalid } from './errors.ts';

/** What a snapshot holds at the moment it is closed. */
export interface ClosedContent {
  readonly count: number;
  readonly runs: BlockRuns;
  /** Base64 of the LINEAR checksum; only to be asked for before {@link OpenSnapshot.release}. */
  linear(): Promise<string>;
}

/** A snapshot that takes blocks: its file, and the digests of what it was given. */
export interface OpenSnapshot {
  /** When it was last given a block (or opened), on the region's clock. */
  readonly lastUsed: Date;
  readonly takesBlocks: boolean;
  /** Writes a block over whatever is there. @throws AwsError CONFLICTING_BLOCK_UPDATE while another writes the same one */
  put(block: number, bytes: Uint8Array, digest: Uint8Array): Promise<void>;
  /** Takes no more blocks from now on, and tells what it holds once those under way are written. */
  close(): Promise<ClosedContent>;
  /** Lets go of the files. The digests are deleted unless they are to be found by a later start. */
  release(digests: 'delete' | 'keep'): Promise<void>;
}

export interface SnapshotFiles {
  readonly image: string;
  readonly digests: string;
  readonly blocks: number;
}

export async function openSnapshot(files: SnapshotFiles, now: () => Date): Promise<OpenSnapshot> {
  const image = await open(files.image, constants.O_RDWR);
  try {
    const { digests, written } = await openDigestFile(files.digests, files.blocks);
    return makeOpenSnapshot({ files, image, digests, written, now });
  } catch (error) {
    await image.close();
    throw error;
  }
}

interface Parts {
  readonly files: SnapshotFiles;
  readonly image: FileHandle;
  readonly digests: DigestFile;
  readonly written: BlockSet;
  now(): Date;
}

function makeOpenSnapshot({ files, image, digests, written, now }: Parts): OpenSnapshot {
  const busy = new Map<number, Promise<void>>();
  let lastUsed = now();
  let takesBlocks = true;
  let released = false;

  async function write(block: number, bytes: Uint8Array, digest: Uint8Array): Promise<void> {
    // First no block, then another one: what is cut off in between is missed by CompleteSnapshot's count.
    if (written.has(block)) {
      written.delete(block);
      await digests.clear(block);
    }
    await writeBlock(image, block, bytes);
    await digests.write(block, digest);
    written.add(block);
    lastUsed = now();
  }

  return {
    get lastUsed() {
      return lastUsed;
    },
    get takesBlocks() {
      return takesBlocks;
    },
    async put(block, bytes, digest) {
      if (busy.has(block)) {
        throw invalid('CONFLICTING_BLOCK_UPDATE', `Block ${block} is being written by another request.`);
      }
      const writing = write(block, bytes, digest).finally(() => busy.delete(block));
      busy.set(block, writing);
      await writing;
    },
    async close() {
      takesBlocks = false;
      await Promise.allSettled(busy.values());
      const runs = written.runs();
      return { count: written.size, runs, linear: () => digests.linear(runs) };
    },
    async release(fate) {
      takesBlocks = false;
      if (released) return;
      released = true;
      await Promise.allSettled(busy.values());
      await image.close();
      await digests.close();
      if (fate === 'delete') await rm(files.digests, { force: true });
    },
  };
}

async function writeBlock(image: FileHandle, block: number, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const at = block * BLOCK_BYTES + done;
    const { bytesWritten } = await image.write(bytes, done, bytes.length - done, at);
    done += bytesWritten;
  }
}
