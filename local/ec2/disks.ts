import { closeSync, constants, ftruncateSync, openSync } from 'node:fs';
import { type FileHandle, mkdir, open, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { AwsError } from '../service.ts';
import { type Extent, readUpTo, writeRuns, writeSparse } from '../sparse/index.ts';
import { BLOCK_BYTES, type BlockMap, makeBlockMap, readBlockMap, writeBlockMap } from './block-map.ts';
import { type BlockRuns, blocksFrom, runsWithout, unionOfRuns } from './block-runs.ts';
import { findDataRanges } from './data-ranges.ts';
import type { SourceObject } from './object-source.ts';

export const GIB_BYTES = 1024 ** 3;
const COPY_BYTES = 2 * BLOCK_BYTES;

/**
 * The bytes of volumes and snapshots: `volumes/<id>.img` and `snapshots/<id>.img` under EC2's state folder, sparse
 * files exactly as long as the disk. Beside a snapshot lies the list of its non-zero blocks, so that copying it costs
 * what its data costs. No two of them ever share storage: copies are read and written, never linked or cloned.
 */
export interface Disks {
  volumeFile(volumeId: string): string;
  snapshotFile(snapshotId: string): string;
  /** Makes a volume's file, all zero. @throws UnsupportedOperation when the file system cannot hold such a file */
  createVolume(volumeId: string, sizeGiB: number): void;
  growVolume(volumeId: string, sizeGiB: number): Promise<void>;
  /** Copies a snapshot's data onto a volume made for it. May be run again. */
  fillVolume(copy: { volumeId: string; snapshotId: string; signal: AbortSignal }): Promise<void>;
  /** Copies a volume's data to a new snapshot; returns the bytes of its non-zero blocks. May be run again. */
  takeSnapshot(copy: {
    snapshotId: string;
    volumeId: string;
    sizeGiB: number;
    signal: AbortSignal;
  }): Promise<number>;
  /** Copies an object's data to a new snapshot; returns the bytes of its non-zero blocks. May be run again. */
  importSnapshot(copy: {
    snapshotId: string;
    sizeGiB: number;
    source: SourceObject;
    signal: AbortSignal;
    onProgress: (doneBytes: number) => void;
  }): Promise<number>;
  /** Makes a snapshot's file, all zero. @throws UnsupportedOperation when the file system cannot hold such a file */
  createSnapshot(snapshotId: string, sizeGiB: number): void;
  /** Notes which blocks of a snapshot were written to its file. */
  saveSnapshotBlocks(snapshotId: string, written: BlockRuns): Promise<void>;
  /** The blocks of a complete snapshot that hold data. */
  snapshotBlocks(snapshotId: string): Promise<BlockRuns>;
  /** Copies to a snapshot the blocks of its parent that it lacks; returns the bytes of all it has. May be run again. */
  inheritBlocks(copy: {
    snapshotId: string;
    parentId: string | undefined;
    signal: AbortSignal;
  }): Promise<number>;
  /** Writes a snapshot from pieces at hand (the seeds). */
  writeSnapshot(snapshotId: string, sizeGiB: number, pieces: readonly DiskPiece[]): Promise<number>;
  /** Up to `length` bytes from the start of a volume. */
  startOfVolume(volumeId: string, length: number): Promise<Uint8Array>;
  removeVolume(volumeId: string): Promise<void>;
  removeSnapshot(snapshotId: string): Promise<void>;
}

export interface DiskPiece {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export async function openDisks(folder: string): Promise<Disks> {
  await mkdir(join(folder, 'volumes'), { recursive: true });
  await mkdir(join(folder, 'snapshots'), { recursive: true });
  const volumeFile = (id: string) => join(folder, 'volumes', `${id}.img`);
  const snapshotFile = (id: string) => join(folder, 'snapshots', `${id}.img`);

  async function writeSnapshotFile(
    snapshotId: string,
    sizeGiB: number,
    fill: (target: FileHandle, map: BlockMap) => Promise<void>,
  ): Promise<number> {
    const map = makeBlockMap();
    const target = await open(
      snapshotFile(snapshotId),
      constants.O_CREAT | constants.O_TRUNC | constants.O_RDWR,
    );
    try {
      await target.truncate(sizeGiB * GIB_BYTES);
      await fill(target, map);
    } finally {
      await target.close();
    }
    await writeBlockMap(snapshotFile(snapshotId), map);
    return map.blockCount() * BLOCK_BYTES;
  }

  async function snapshotMap(snapshotId: string): Promise<BlockMap> {
    const map = await readBlockMap(snapshotFile(snapshotId));
    if (!map) throw new Error(`the block list of ${snapshotId} is missing`);
    return map;
  }

  return {
    volumeFile,
    snapshotFile,
    createVolume: (volumeId, sizeGiB) => createBlank(volumeFile(volumeId), sizeGiB),
    createSnapshot: (snapshotId, sizeGiB) => createBlank(snapshotFile(snapshotId), sizeGiB),
    saveSnapshotBlocks: (snapshotId, written) =>
      writeBlockMap(snapshotFile(snapshotId), makeBlockMap(written)),
    snapshotBlocks: async (snapshotId) => (await snapshotMap(snapshotId)).runs(),
    async inheritBlocks({ snapshotId, parentId, signal }) {
      const own = await snapshotMap(snapshotId);
      if (parentId === undefined) return own.blockCount() * BLOCK_BYTES;
      const inherited = (await snapshotMap(parentId)).runs();
      const blocks = blocksFrom(runsWithout(inherited, own.runs()), 0);
      await copyBlocks({ from: snapshotFile(parentId), to: snapshotFile(snapshotId), blocks, signal });
      const all = makeBlockMap(unionOfRuns(inherited, own.runs()));
      await writeBlockMap(snapshotFile(snapshotId), all);
      return all.blockCount() * BLOCK_BYTES;
    },
    growVolume: (volumeId, sizeGiB) => truncate(volumeFile(volumeId), sizeGiB * GIB_BYTES),
    async fillVolume({ volumeId, snapshotId, signal }) {
      const map = await snapshotMap(snapshotId);
      await copyBetween(snapshotFile(snapshotId), volumeFile(volumeId), { map, signal });
      await writeBlockMap(volumeFile(volumeId), map, { stampFile: true });
    },
    async takeSnapshot({ snapshotId, volumeId, sizeGiB, signal }) {
      const file = volumeFile(volumeId);
      const source = await open(file, 'r');
      try {
        const { size } = await source.stat();
        const known = await readBlockMap(file, { onlyIfUnchanged: true });
        const extents = known ? known.extents() : await findDataRanges(file);
        return await writeSnapshotFile(snapshotId, sizeGiB, (target, map) =>
          copyExtents({ read: readerOf(source), target, extents, size, map, signal }),
        );
      } finally {
        await source.close();
      }
    },
    importSnapshot: ({ snapshotId, sizeGiB, source, signal, onProgress }) =>
      writeSnapshotFile(snapshotId, sizeGiB, (target, map) =>
        copyExtents({
          read: (offset, length) => source.read(offset, length),
          target,
          extents: source.extents(),
          size: source.size,
          map,
          signal,
          onProgress,
        }),
      ),
    writeSnapshot: (snapshotId, sizeGiB, pieces) =>
      writeSnapshotFile(snapshotId, sizeGiB, async (target, map) => {
        for (const { offset, bytes } of pieces) {
          for (const extent of await writeSparse(target, offset, bytes)) map.add(extent);
        }
      }),
    async startOfVolume(volumeId, length) {
      const handle = await open(volumeFile(volumeId), 'r');
      try {
        const buffer = Buffer.alloc(length);
        return buffer.subarray(0, await readUpTo(handle, 0, buffer));
      } finally {
        await handle.close();
      }
    },
    removeVolume: (volumeId) => removeDisk(volumeFile(volumeId)),
    removeSnapshot: (snapshotId) => removeDisk(snapshotFile(snapshotId)),
  };
}

function createBlank(file: string, sizeGiB: number): void {
  const descriptor = openSync(file, 'w');
  try {
    ftruncateSync(descriptor, sizeGiB * GIB_BYTES);
  } catch (error) {
    throw new AwsError(
      'UnsupportedOperation',
      `A disk of ${sizeGiB} GiB is more than the file system under the local region can hold: ${String(error)}`,
    );
  } finally {
    closeSync(descriptor);
  }
}

async function removeDisk(file: string): Promise<void> {
  await rm(file, { force: true });
  await rm(`${file}.blocks.json`, { force: true });
}

const readerOf = (source: FileHandle) => async (offset: number, length: number) => {
  const buffer = Buffer.allocUnsafe(length);
  return buffer.subarray(0, await readUpTo(source, offset, buffer));
};

async function copyBetween(
  from: string,
  to: string,
  options: { readonly map: BlockMap; readonly signal: AbortSignal },
): Promise<void> {
  const source = await open(from, 'r');
  try {
    const target = await open(to, 'r+');
    try {
      const { size } = await stat(from);
      const { map, signal } = options;
      await copyExtents({ read: readerOf(source), target, extents: map.extents(), size, signal });
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

/** Copies whole blocks, zeros too: an attempt that was cut short may have left other bytes in the target. */
async function copyBlocks(copy: {
  readonly from: string;
  readonly to: string;
  readonly blocks: Iterable<number>;
  readonly signal: AbortSignal;
}): Promise<void> {
  const source = await open(copy.from, 'r');
  try {
    const target = await open(copy.to, 'r+');
    try {
      const buffer = Buffer.allocUnsafe(BLOCK_BYTES);
      for (const block of copy.blocks) {
        copy.signal.throwIfAborted();
        const offset = block * BLOCK_BYTES;
        await readUpTo(source, offset, buffer);
        await writeRuns(target, {
          position: offset,
          bytes: buffer,
          runs: [{ offset, length: BLOCK_BYTES }],
        });
      }
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

interface ExtentCopy {
  readonly read: (offset: number, length: number) => Promise<Uint8Array>;
  /** Reads as zero where it is written to. */
  readonly target: FileHandle;
  readonly extents: Iterable<Extent> | AsyncIterable<Extent>;
  /** Size of the source in bytes. */
  readonly size: number;
  /** Told of every block that gets data. */
  readonly map?: BlockMap;
  readonly signal: AbortSignal;
  readonly onProgress?: (doneBytes: number) => void;
}

/** Copies what the extents hold, a piece at a time; zeros in them stay holes in the target. */
async function copyExtents(copy: ExtentCopy): Promise<void> {
  const { read, target, extents, size, map, signal, onProgress } = copy;
  for await (const { offset, length } of extents) {
    const end = Math.min(offset + length, size);
    for (let at = offset; at < end; ) {
      signal.throwIfAborted();
      const bytes = await read(at, Math.min(COPY_BYTES - (at % COPY_BYTES), end - at));
      if (bytes.length === 0) throw new Error(`the source ends at ${at}, before its ${size} bytes`);
      for (const written of await writeSparse(target, at, bytes)) map?.add(written);
      at += bytes.length;
      onProgress?.(at);
    }
  }
}
