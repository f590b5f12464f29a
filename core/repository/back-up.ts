import { type DiskId, parseBytes, type RestorePointId } from '../model/ids.ts';
import { type Manifest, type ManifestDisk, manifestSchema } from '../model/manifest.ts';
import { type BackupRequest, type CheckedBackup, checkBackup } from './backup-request.ts';
import type { Digest } from './digest.ts';
import { type DiskCounts, type ReadDisk, readDisk } from './disk-backup.ts';
import { type DiskFacts, encodeDisk } from './disk-format.ts';
import { CorruptObject, UnsupportedRepository } from './errors.ts';
import { diskKey, manifestKey } from './keys.ts';
import { takeWriteLease, type WriteLease } from './lease.ts';
import { openListedDisk } from './open-disk.ts';
import { PACK_MOST_FRAME_BYTES } from './pack-format.ts';
import { makePackTables, type PackTables } from './pack-tables.ts';
import { makePackWriter } from './pack-writer.ts';
import { putExactly } from './put-exactly.ts';
import type { Repository } from './repository.ts';
import { encodeManifest, findLatest, readManifest, restorePointIdOf } from './restore-points.ts';
import { type BlockLookup, makeParentLookup, makeRunCache } from './reuse.ts';
import { makeSegmentWriter, type SegmentWriter } from './segment-writer.ts';
import { makeSlots } from './slots.ts';
import { makeTaskSet, type TaskSet } from './task-set.ts';

export type { BackupDisk, BackupProgress, BackupRequest } from './backup-request.ts';

export interface BackupStats {
  readonly sizeBytes: number;
  /** Bytes of all non-zero blocks. */
  readonly dataBytes: number;
  /** Compressed bytes that were new. */
  readonly storedBytes: number;
  readonly reusedBytes: number;
  readonly packsWritten: number;
  readonly segmentsWritten: number;
  /** Keys of objects found missing or damaged while looking for something to reuse; what was needed of them was stored anew. */
  readonly damaged: readonly string[];
}

export interface BackupResult {
  readonly restorePoint: RestorePointId;
  readonly manifest: Manifest;
  readonly stats: BackupStats;
}

/**
 * Stores the disks as one restore point. Run again with the same content, time and parent it makes the same restore point.
 * @throws InvalidBackup before anything is created; SourceReadShort, SourceSizeChanged, SourceHintWrong, RepositoryBusy, LeaseLost,
 *   RestorePointNotFound (the parent), StoreFailed; what it stored until then is unreferenced and harms nothing
 */
export async function backUp(repository: Repository, request: BackupRequest): Promise<BackupResult> {
  const checked = checkBackup(request);
  const { workload, clock = () => new Date(), signal } = request;
  const lease = await takeWriteLease(repository.store, { workload: workload.name, clock, signal });
  try {
    return await makeRestorePoint(repository, checked, lease);
  } finally {
    await lease.end();
  }
}

/** Everything that one run shares. */
interface Run {
  readonly repository: Repository;
  readonly checked: CheckedBackup;
  readonly lease: WriteLease;
  readonly tables: PackTables;
  /** What is read ahead, and may turn out not to be needed. */
  readonly tasks: TaskSet;
  readonly damaged: Set<string>;
  readonly written: { packs: number; segments: number };
  /** Aborted by the caller, or by the first failure. */
  readonly signal: AbortSignal;
  readonly fail: (error: unknown) => void;
}

async function makeRestorePoint(
  repository: Repository,
  checked: CheckedBackup,
  lease: WriteLease,
): Promise<BackupResult> {
  const stop = new AbortController();
  const given = checked.request.signal;
  const signal = given ? AbortSignal.any([given, stop.signal]) : stop.signal;
  const damaged = new Set<string>();
  const tasks = makeTaskSet();
  const tables = makePackTables(repository.store, { signal, onDamage: ({ key }) => damaged.add(key), tasks });
  const written = { packs: 0, segments: 0 };
  const fail = (error: unknown) => stop.abort(error);
  const run: Run = { repository, checked, lease, tables, tasks, damaged, written, signal, fail };
  try {
    const parent = await findParent(run);
    const { disks, counts } = await storeDisks(run, parent);
    const manifest = manifestSchema.parse({ ...checked.draft, parent: parent?.id, disks });
    const restorePoint = await commit(run, manifest);
    const { packs, segments } = written;
    const stats = { ...counts, packsWritten: packs, segmentsWritten: segments, damaged: [...damaged].sort() };
    return { restorePoint, manifest, stats };
  } catch (error) {
    // The first failure aborted the others, which then fail with it as their reason.
    throw stop.signal.aborted ? stop.signal.reason : error;
  } finally {
    stop.abort();
    await tasks.settle();
  }
}

interface Parent {
  readonly id: RestorePointId;
  readonly manifest: Manifest;
}

/** One that is damaged is no parent, unless the caller named it: the backup must go on. */
async function findParent({ repository, checked, damaged, signal }: Run): Promise<Parent | undefined> {
  const { parent = 'latest', workload } = checked.request;
  if (parent === 'none') return undefined;
  if (parent !== 'latest')
    return { id: parent, manifest: await readManifest(repository, parent, { signal }) };
  const notAfter = new Date(Date.parse(checked.draft.time) - 1);
  const id = await findLatest(repository, { workload: workload.name, notAfter, signal });
  if (!id) return undefined;
  try {
    return { id, manifest: await readManifest(repository, id, { signal }) };
  } catch (error) {
    if (!(error instanceof CorruptObject || error instanceof UnsupportedRepository)) throw error;
    damaged.add(manifestKey(id, workload.name));
    return undefined;
  }
}

const MIB = 1024 ** 2;
const SEGMENTS_AT_ONCE = 8;

// Below this, more packs on their way at a time are worth more than larger ones: one S3 stream takes 45 MB/s.
const LARGE_PACKS_FROM_BYTES = 256 * MIB;

/** Half of the memory is for packs, a third for blocks; the rest for what is not counted. */
function shareMemory(memoryBytes: number): { frameBytes: number; buffers: number; blockBytes: number } {
  const frameBytes =
    memoryBytes >= LARGE_PACKS_FROM_BYTES ? PACK_MOST_FRAME_BYTES : PACK_MOST_FRAME_BYTES / 2;
  return { frameBytes, buffers: Math.floor(memoryBytes / 2 / frameBytes), blockBytes: memoryBytes / 3 };
}

/** What writes the run's objects: one pack writer for all disks, a segment writer for each. */
function makeWriters({ repository, checked, lease, tables, damaged, written, signal, fail }: Run) {
  const { store } = repository;
  const { frameBytes, buffers, blockBytes } = shareMemory(checked.memoryBytes);
  const shared = { store, signal, beforePut: () => lease.check(), onFailure: fail };
  const packs = makePackWriter({
    ...shared,
    frameBytes,
    buffers,
    onStored(key, outcome) {
      if (outcome === 'replaced') damaged.add(key);
      if (outcome !== 'kept') written.packs += 1;
    },
  });
  const slots = makeSlots(SEGMENTS_AT_ONCE);
  const onWritten = () => {
    written.segments += 1;
  };
  const onDamage = (key: string) => damaged.add(key);
  const segments = checked.disks.map(() =>
    makeSegmentWriter({ ...shared, tables, slots, onWritten, onDamage }),
  );
  return { packs, segments, blockBytes };
}

async function storeDisks(
  run: Run,
  parent: Parent | undefined,
): Promise<{ disks: ManifestDisk[]; counts: Counts }> {
  const writers = makeWriters(run);
  try {
    const read = await readDisks(run, { writers, parent });
    writers.packs.flush();
    const disks: ManifestDisk[] = [];
    for (const { disk, segments, facts } of read) {
      const object = await storeDiskObject(run, { facts, segments });
      const { id, boot, deviceName, volume } = disk;
      disks.push({ ...describeFacts(facts), id, boot, deviceName, volume, object, order: disks.length });
    }
    return { disks, counts: sumCounts(read) };
  } catch (error) {
    run.fail(error);
    await writers.packs.abandon(error);
    await Promise.all(writers.segments.map((segments) => segments.settle()));
    throw error;
  }
}

interface DiskRead extends ReadDisk {
  readonly disk: CheckedBackup['disks'][number];
  readonly segments: SegmentWriter;
}

async function readDisks(
  run: Run,
  { writers, parent }: { writers: ReturnType<typeof makeWriters>; parent: Parent | undefined },
): Promise<DiskRead[]> {
  const { checked, signal } = run;
  const { packs, blockBytes: memoryBytes } = writers;
  const cache = makeRunCache();
  const read: DiskRead[] = [];
  for (const [order, segments] of writers.segments.entries()) {
    const disk = checked.disks[order];
    if (!disk) break;
    const lookup = parent && (await openParentDisk(run, { parent, diskId: disk.id }));
    const { size } = disk;
    const { segmentBytes } = checked;
    const onProgress = makeProgress(checked.request, disk);
    const options = {
      disk,
      size,
      segmentBytes,
      packs,
      segments,
      cache,
      parent: lookup,
      memoryBytes,
      signal,
      onProgress,
    };
    read.push({ disk, segments, ...(await readDisk(options)) });
  }
  return read;
}

async function openParentDisk(
  { repository, tables, tasks, damaged, signal }: Run,
  { parent, diskId }: { parent: Parent; diskId: DiskId },
): Promise<BlockLookup | undefined> {
  const listed = parent.manifest.disks.find(({ id }) => id === diskId);
  if (!listed) return undefined;
  const { store } = repository;
  const onDamage = (key: string) => damaged.add(key);
  try {
    const disk = await openListedDisk(store, listed, { id: parent.id, signal });
    return makeParentLookup({ store, disk, tables, onDamage, tasks, signal });
  } catch (error) {
    if (!(error instanceof CorruptObject)) throw error;
    onDamage(error.key);
    return undefined;
  }
}

async function storeDiskObject(
  { repository, lease, damaged, signal }: Run,
  { facts, segments }: { facts: DiskFacts; segments: SegmentWriter },
): Promise<Digest> {
  const { bytes, digest } = encodeDisk(facts, await segments.finish());
  const key = diskKey(digest);
  lease.check();
  if ((await putExactly(repository.store, { key, bytes, signal })) === 'replaced') damaged.add(key);
  return digest;
}

const describeFacts = ({ size, segmentBytes, ...facts }: DiskFacts) => ({
  ...facts,
  size: parseBytes(size),
  segmentBytes: parseBytes(segmentBytes),
});

const PROGRESS_EVERY_BYTES = 4 * MIB;

/** Tells of every few MiB, and of the end. */
function makeProgress(
  { onProgress }: BackupRequest,
  { id: diskId, size: sizeBytes }: { id: DiskId; size: number },
): (counts: DiskCounts) => void {
  let told = 0;
  return ({ readBytes, storedBytes, reusedBytes }) => {
    if (readBytes < sizeBytes && readBytes - told < PROGRESS_EVERY_BYTES) return;
    told = readBytes;
    onProgress?.({ diskId, readBytes, sizeBytes, storedBytes, reusedBytes });
  };
}

type Counts = Pick<BackupStats, 'sizeBytes' | 'dataBytes' | 'storedBytes' | 'reusedBytes'>;

const sumCounts = (read: readonly DiskRead[]): Counts =>
  read.reduce(
    (sum, { disk, counts }) => ({
      sizeBytes: sum.sizeBytes + disk.size,
      dataBytes: sum.dataBytes + counts.dataBytes,
      storedBytes: sum.storedBytes + counts.storedBytes,
      reusedBytes: sum.reusedBytes + counts.reusedBytes,
    }),
    { sizeBytes: 0, dataBytes: 0, storedBytes: 0, reusedBytes: 0 },
  );

/** The moment from which the restore point exists. */
async function commit(
  { repository, lease, damaged, signal }: Run,
  manifest: Manifest,
): Promise<RestorePointId> {
  const bytes = encodeManifest(manifest);
  const id = restorePointIdOf(manifest, bytes);
  const key = manifestKey(id, manifest.workload.name);
  lease.check();
  if ((await putExactly(repository.store, { key, bytes, signal })) === 'replaced') damaged.add(key);
  return id;
}
