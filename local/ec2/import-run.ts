import type { FaultEffects } from '../faults.ts';
import { GIB_BYTES } from './disks.ts';
import { SECONDS } from './durations.ts';
import type { ImportTaskRecord } from './records.ts';
import { nowText, type Simulation } from './simulation.ts';

/** What an import task goes through by itself: pending, reading, converting, and its end. */

/** An imported snapshot names this volume, which never was (VM Import guide: "an arbitrary volume ID"). */
const NO_VOLUME = 'vol-ffffffff';
/** Larger images than this need a manifest file on AWS (VM Import guide). */
const LARGEST_IMAGE_BYTES = 8 * 1024 * GIB_BYTES;
/** Percentages as seen in public transcripts. */
const PROGRESS_PENDING = 3;
const PROGRESS_READING = 22;
const PROGRESS_READ = 88;

export function startImport(sim: Simulation, task: ImportTaskRecord, fate: FaultEffects): void {
  task.statusMessage = 'pending';
  task.progress = PROGRESS_PENDING;
  if (fate.stuck) return;
  sim.transitions.schedule({
    kind: 'import-reading',
    resourceId: task.id,
    seconds: SECONDS.importPending,
    fate,
  });
}

/** A task that fails does not end `error` but goes `deleting`, `deleted`, with the reason in its status message. */
function startFailure(sim: Simulation, task: ImportTaskRecord, message: string): void {
  sim.transitions.cancel(task.id);
  task.status = 'deleting';
  task.statusMessage = message;
  delete task.progress;
  sim.transitions.schedule({
    kind: 'import-failed',
    resourceId: task.id,
    seconds: SECONDS.importDeleting,
  });
}

export function startCancellation(sim: Simulation, task: ImportTaskRecord, reason: string | undefined): void {
  startFailure(sim, task, reason ?? 'User initiated task cancellation.');
}

class ImportRefused extends Error {
  override readonly name = 'ImportRefused';
}

async function readObject(
  sim: Simulation,
  task: ImportTaskRecord,
  signal: AbortSignal,
): Promise<{ sizeGiB: number; fullBytes: number }> {
  const source = await sim.objects.open(task.bucket, task.key);
  if (!source) {
    throw new ImportRefused('We do not have access to the given resource. Reason 404 Not Found');
  }
  try {
    task.diskImageBytes = source.size;
    if (source.size > LARGEST_IMAGE_BYTES) {
      throw new ImportRefused('Disk images larger than 8 TiB need a manifest file');
    }
    const sizeGiB = Math.ceil(source.size / GIB_BYTES);
    const onProgress = (doneBytes: number) => {
      const share = doneBytes / source.size;
      task.progress = Math.floor(PROGRESS_READING + (PROGRESS_READ - PROGRESS_READING) * share);
    };
    const snapshotId = task.futureSnapshotId;
    const fullBytes = await sim.disks.importSnapshot({ snapshotId, sizeGiB, source, signal, onProgress });
    return { sizeGiB, fullBytes };
  } finally {
    await source.close();
  }
}

async function read(
  sim: Simulation,
  task: ImportTaskRecord,
  run: { readonly fate: FaultEffects; readonly signal: AbortSignal },
): Promise<void> {
  if (task.status !== 'active') return;
  task.statusMessage = 'downloading/converting';
  task.progress = PROGRESS_READING;
  try {
    task.read = await readObject(sim, task, run.signal);
  } catch (error) {
    await sim.disks.removeSnapshot(task.futureSnapshotId);
    run.signal.throwIfAborted();
    const reason = error instanceof ImportRefused ? error.message : String(error);
    startFailure(sim, task, `ClientError: Disk validation failed [${reason}]`);
    return;
  }
  task.progress = PROGRESS_READ;
  sim.transitions.schedule({
    kind: 'import-completed',
    resourceId: task.id,
    seconds: SECONDS.importConvertingBase + task.read.sizeGiB * SECONDS.importConvertingPerGiB,
    fate: run.fate,
  });
}

function complete(sim: Simulation, task: ImportTaskRecord, fate: FaultEffects): void {
  const { read: done, futureSnapshotId: id } = task;
  if (task.status !== 'active' || !done) return;
  if (fate.endState && fate.endState !== 'completed') {
    failAsAsked(sim, task, fate);
    return;
  }
  sim.state.snapshots.insert({
    id,
    volumeId: NO_VOLUME,
    sizeGiB: done.sizeGiB,
    description: `Created by AWS-VMImport service for ${task.id}`,
    ownerId: sim.context.accountId,
    encrypted: task.encrypted,
    startTime: nowText(sim),
    state: 'completed',
    progress: 100,
    completionTime: nowText(sim),
    fullBytes: done.fullBytes,
    tags: [],
    ...(task.kmsKeyId ? { kmsKeyId: task.kmsKeyId } : {}),
  });
  task.status = 'completed';
  task.snapshotId = id;
  delete task.progress;
  delete task.statusMessage;
  finish(sim, task);
}

function failAsAsked(sim: Simulation, task: ImportTaskRecord, fate: FaultEffects): void {
  const message = fate.message ?? 'ClientError: Disk validation failed [Unsupported specified file format]';
  if (fate.endState === 'deleted') {
    startFailure(sim, task, message);
    return;
  }
  // Any other status is given as asked for, whether AWS documents it or not.
  task.status = fate.endState ?? 'error';
  task.statusMessage = message;
  finish(sim, task);
}

function finish(sim: Simulation, task: ImportTaskRecord): void {
  task.endTime = nowText(sim);
  sim.transitions.schedule({
    kind: 'import-removed',
    resourceId: task.id,
    seconds: SECONDS.importTaskVisible,
  });
}

export function handleImportTransitions(sim: Simulation): void {
  const { transitions, state, disks } = sim;
  transitions.on('import-reading', async (id, run) => {
    const task = state.importTasks.get(id);
    if (task) await read(sim, task, run);
  });
  transitions.on('import-completed', (id, { fate }) => {
    const task = state.importTasks.get(id);
    if (task) complete(sim, task, fate);
  });
  transitions.on('import-failed', async (id) => {
    const task = state.importTasks.get(id);
    if (task?.status !== 'deleting') return;
    await disks.removeSnapshot(task.futureSnapshotId);
    task.status = 'deleted';
    finish(sim, task);
  });
  transitions.on('import-removed', (id) => state.importTasks.delete(id));
}
