import { open } from 'node:fs/promises';
import { readUpTo } from '../sparse/index.ts';
import { readBlockMap } from './block-map.ts';
import { GIB_BYTES } from './disks.ts';
import type { DiskReader } from './import-image-boot-disk.ts';
import type { ImageImportRecord, ImportedDiskRecord } from './import-image-record.ts';
import { ImageImportRefused } from './import-image-refused.ts';
import type { SourceObject } from './object-source.ts';
import type { Simulation } from './simulation.ts';
import { removeSnapshot } from './snapshot-store.ts';

/** The bytes of an import: what it reads from, and the new snapshots that it copies them to, unchanged. */

/** Disks of an image have to be smaller than this (VM Import guide, "Limitations"). */
const IMAGE_DISK_LIMIT_BYTES = 8 * 1024 * GIB_BYTES;
/** A task with more volumes fails (VM Import guide, "Limitations"). */
const MAX_VOLUMES = 21;

const validationFailed = (reason: string): ImageImportRefused =>
  new ImageImportRefused(`Disk validation failed [${reason}]`);

/** A snapshot of the region as something to copy from; only its non-zero blocks are read. */
async function openSnapshot(sim: Simulation, snapshotId: string): Promise<SourceObject | undefined> {
  const snapshot = sim.state.snapshots.get(snapshotId);
  if (snapshot?.state !== 'completed') return undefined;
  const path = sim.disks.snapshotFile(snapshotId);
  const map = await readBlockMap(path);
  if (!map) throw new Error(`the block list of ${snapshotId} is missing`);
  const file = await open(path, 'r');
  return {
    size: snapshot.sizeGiB * GIB_BYTES,
    async *extents() {
      yield* map.extents();
    },
    async read(offset, length) {
      const buffer = Buffer.allocUnsafe(length);
      return buffer.subarray(0, await readUpTo(file, offset, buffer));
    },
    close: () => file.close(),
  };
}

/** @throws ImageImportRefused when it is gone since the request */
async function openSource(sim: Simulation, { source }: ImportedDiskRecord): Promise<SourceObject> {
  if (source.kind === 'snapshot') {
    const snapshot = await openSnapshot(sim, source.snapshotId);
    if (!snapshot) throw validationFailed(`The snapshot ${source.snapshotId} does not exist`);
    return snapshot;
  }
  const object = await sim.objects.open(source.bucket, source.key);
  if (!object) throw validationFailed('We do not have access to the given resource. Reason 404 Not Found');
  return object;
}

/** @throws ImageImportRefused for too many disks, too large ones, and sources that are gone */
export async function validateDisks(sim: Simulation, task: ImageImportRecord): Promise<void> {
  if (task.disks.length > MAX_VOLUMES) {
    throw validationFailed(`${task.disks.length} volumes are more than ${MAX_VOLUMES}`);
  }
  for (const disk of task.disks) {
    const source = await openSource(sim, disk);
    await source.close();
    if (source.size >= IMAGE_DISK_LIMIT_BYTES) {
      throw validationFailed('Disks of an image must be smaller than 8 TiB');
    }
  }
}

/**
 * Copies the disks that are not copied yet, one after the other.
 * @throws ImageImportRefused for sources that are gone, and what reading and writing throw
 */
export async function copyDisks(
  sim: Simulation,
  task: ImageImportRecord,
  run: { readonly signal: AbortSignal; readonly onProgress: (share: number) => void },
): Promise<void> {
  for (const [index, disk] of task.disks.entries()) {
    if (disk.fullBytes !== undefined) continue;
    const onProgress = (share: number) => run.onProgress((index + share) / task.disks.length);
    disk.fullBytes = await copyDisk(sim, disk, { signal: run.signal, onProgress });
  }
}

async function copyDisk(
  sim: Simulation,
  disk: ImportedDiskRecord,
  run: { readonly signal: AbortSignal; readonly onProgress: (share: number) => void },
): Promise<number> {
  const source = await openSource(sim, disk);
  try {
    disk.sizeBytes = source.size;
    const fullBytes = await sim.disks.importSnapshot({
      snapshotId: disk.futureSnapshotId,
      sizeGiB: sizeGiBOf(disk),
      source,
      signal: run.signal,
      onProgress: (doneBytes) => run.onProgress(doneBytes / source.size),
    });
    // Cancelled during the last piece: nobody else would remove what was written after the cancellation.
    run.signal.throwIfAborted();
    return fullBytes;
  } catch (error) {
    await sim.disks.removeSnapshot(disk.futureSnapshotId);
    throw error;
  } finally {
    await source.close();
  }
}

/** Size of the disk's snapshot: whole GiB. */
export const sizeGiBOf = (disk: ImportedDiskRecord): number => Math.ceil((disk.sizeBytes ?? 0) / GIB_BYTES);

/** Lets `look` read what was copied of a disk. */
export async function withCopy<T>(
  sim: Simulation,
  disk: ImportedDiskRecord,
  look: (read: DiskReader) => Promise<T>,
): Promise<T> {
  const file = await open(sim.disks.snapshotFile(disk.futureSnapshotId), 'r');
  try {
    return await look(async (offset, length) => {
      // A partition table may point anywhere.
      if (!Number.isSafeInteger(offset + length)) return Buffer.alloc(0);
      const buffer = Buffer.alloc(length);
      return buffer.subarray(0, await readUpTo(file, offset, buffer));
    });
  } finally {
    await file.close();
  }
}

/** Takes away all that was copied, snapshots that are already there included. */
export async function removeCopies(sim: Simulation, task: ImageImportRecord): Promise<void> {
  for (const { futureSnapshotId } of task.disks) {
    if (sim.state.snapshots.get(futureSnapshotId)) removeSnapshot(sim, futureSnapshotId);
    else await sim.disks.removeSnapshot(futureSnapshotId);
  }
}
