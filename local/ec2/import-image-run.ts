import type { FaultEffects } from '../faults.ts';
import { SECONDS } from './durations.ts';
import { lookAtBootDisk } from './import-image-boot-disk.ts';
import { copyDisks, removeCopies, sizeGiBOf, validateDisks, withCopy } from './import-image-disks.ts';
import { chooseLicense } from './import-image-license.ts';
import type {
  GuestRecord,
  ImageImportRecord,
  ImageImportStage,
  ImportedDiskRecord,
} from './import-image-record.ts';
import { ImageImportRefused } from './import-image-refused.ts';
import { isUsableKey } from './kms.ts';
import type { ImageDeviceRecord, ImageRecord } from './records.ts';
import { insertImage } from './register-image.ts';
import { nowText, type Simulation } from './simulation.ts';
import type { TransitionHandler } from './transitions.ts';

/** What an image's import goes through by itself: its steps, its image, its end. */

/** An imported snapshot names this volume, which never was (VM Import guide: "an arbitrary volume ID"). */
const NO_VOLUME = 'vol-ffffffff';
/** Percentage while its bytes are copied, from and to; those of all steps are from public transcripts. */
const PROGRESS_CONVERTED = 30;

type Run = Parameters<TransitionHandler>[1];

interface Stage {
  readonly progress: number;
  /** Simulated time until the next step, once the work of this one is done. */
  readonly seconds: (task: ImageImportRecord) => number;
  readonly next: Exclude<ImageImportStage, 'pending'> | 'completed';
  /** @throws ImageImportRefused when the task cannot go on */
  readonly work?: (sim: Simulation, task: ImageImportRecord, run: Run) => Promise<void> | void;
}

const STAGES: Readonly<Record<ImageImportStage, Stage>> = {
  pending: { progress: 2, seconds: () => SECONDS.imageImportPending, next: 'validating' },
  validating: {
    progress: 4,
    seconds: () => SECONDS.imageImportValidating,
    next: 'validated',
    work: (sim, task) => validateDisks(sim, task),
  },
  validated: { progress: 6, seconds: () => SECONDS.imageImportValidated, next: 'converting' },
  converting: {
    progress: 28,
    seconds: (task) =>
      SECONDS.imageImportConvertingBase + totalGiB(task) * SECONDS.imageImportConvertingPerGiB,
    next: 'updating',
    work: convert,
  },
  updating: {
    progress: 41,
    seconds: () => SECONDS.imageImportUpdating,
    next: 'booting',
    work: async (sim, task) => {
      task.guest = await lookAtGuest(sim, task);
    },
  },
  booting: { progress: 59, seconds: () => SECONDS.imageImportBooting, next: 'preparing ami' },
  'preparing ami': {
    progress: 76,
    seconds: () => SECONDS.imageImportPreparing,
    next: 'completed',
    work: insertSnapshots,
  },
};

const totalGiB = (task: ImageImportRecord): number =>
  task.disks.reduce((sum, disk) => sum + sizeGiBOf(disk), 0);

export function startImageImport(sim: Simulation, task: ImageImportRecord, fate: FaultEffects): void {
  enter(task, 'pending');
  if (!fate.stuck) scheduleNext(sim, task, fate);
}

function enter(task: ImageImportRecord, stage: ImageImportStage): void {
  task.stage = stage;
  task.statusMessage = stage;
  task.progress = STAGES[stage].progress;
}

function scheduleNext(sim: Simulation, task: ImageImportRecord, fate: FaultEffects): void {
  const { next, seconds } = STAGES[task.stage];
  sim.transitions.schedule({
    kind: `image-import-${next}`,
    resourceId: task.id,
    seconds: seconds(task),
    fate,
  });
}

/** A task that fails does not end `error` but goes `deleting`, `deleted`, with the reason in its status message. */
function startFailure(sim: Simulation, task: ImageImportRecord, message: string): void {
  sim.transitions.cancel(task.id);
  task.status = 'deleting';
  task.statusMessage = message;
  delete task.progress;
  sim.transitions.schedule({
    kind: 'image-import-failed',
    resourceId: task.id,
    seconds: SECONDS.importDeleting,
  });
}

export function startImageImportCancellation(
  sim: Simulation,
  task: ImageImportRecord,
  reason: string | undefined,
): void {
  startFailure(sim, task, reason ?? 'User initiated task cancellation.');
}

async function goThrough(
  sim: Simulation,
  task: ImageImportRecord,
  { stage, run }: { readonly stage: ImageImportStage; readonly run: Run },
): Promise<void> {
  if (stage === 'preparing ami' && failsAsAsked(sim, task, run.fate)) return;
  enter(task, stage);
  try {
    await STAGES[stage].work?.(sim, task, run);
  } catch (error) {
    run.signal.throwIfAborted();
    const reason = error instanceof ImageImportRefused ? error.message : String(error);
    startFailure(sim, task, `ClientError: ${reason}`);
    return;
  }
  run.signal.throwIfAborted();
  scheduleNext(sim, task, run.fate);
}

/** @throws ImageImportRefused for a key that cannot be used: it has to stay enabled for the whole task */
function checkKeys(sim: Simulation, task: ImageImportRecord): void {
  const badKey = task.disks
    .flatMap(({ kmsKeyId, source }) => [
      kmsKeyId,
      source.kind === 'snapshot' ? sim.state.snapshots.get(source.snapshotId)?.kmsKeyId : undefined,
    ])
    .find((key) => key !== undefined && !isUsableKey(sim, key));
  if (badKey) throw new ImageImportRefused('The specified KMS key is not accessible');
}

async function convert(sim: Simulation, task: ImageImportRecord, { signal }: Run): Promise<void> {
  checkKeys(sim, task);
  const from = STAGES.converting.progress;
  const onProgress = (share: number) => {
    if (signal.aborted) return;
    task.progress = Math.floor(from + (PROGRESS_CONVERTED - from) * share);
  };
  await copyDisks(sim, task, { signal, onProgress });
  task.progress = PROGRESS_CONVERTED;
}

/** @throws ImageImportRefused for a disk that nothing could boot from, and a licence that does not suit the guest */
async function lookAtGuest(sim: Simulation, task: ImageImportRecord): Promise<GuestRecord> {
  const [boot] = task.disks;
  if (!boot) throw new Error(`${task.id} has no disk`);
  if (boot.fullBytes === 0) throw new ImageImportRefused('Unknown OS / Missing OS files');
  const found = await withCopy(sim, boot, lookAtBootDisk);
  const boots = found && (task.bootMode !== 'uefi' || found.hasEfiSystemPartition);
  if (!boots) throw new ImageImportRefused('No bootable partition found');
  const platform = task.platform ?? found.platform;
  return { platform, ...chooseLicense(platform, task) };
}

/** Runs again without harm: a snapshot that is there stays as it is. @throws ImageImportRefused for a bad key */
function insertSnapshots(sim: Simulation, task: ImageImportRecord): void {
  checkKeys(sim, task);
  for (const disk of task.disks) {
    const { futureSnapshotId: id, fullBytes, encrypted, kmsKeyId } = disk;
    if (sim.state.snapshots.get(id)) continue;
    sim.state.snapshots.insert({
      id,
      volumeId: NO_VOLUME,
      sizeGiB: sizeGiBOf(disk),
      description: `Created by AWS-VMImport service for ${task.id}`,
      ownerId: sim.context.accountId,
      encrypted,
      startTime: nowText(sim),
      state: 'completed',
      progress: 100,
      completionTime: nowText(sim),
      tags: [],
      ...(fullBytes === undefined ? {} : { fullBytes }),
      ...(task.guest ? { billing: task.guest.billing } : {}),
      ...(kmsKeyId ? { kmsKeyId } : {}),
    });
  }
}

/** gp2 that outlives its instance, as transcripts show imported images; whoever launches one says otherwise. */
const deviceOf = (disk: ImportedDiskRecord): ImageDeviceRecord => ({
  deviceName: disk.deviceName,
  ebs: {
    snapshotId: disk.futureSnapshotId,
    sizeGiB: sizeGiBOf(disk),
    type: 'gp2',
    deleteOnTermination: false,
    encrypted: disk.encrypted,
  },
});

function insertImageOf(sim: Simulation, task: ImageImportRecord, guest: GuestRecord): ImageRecord {
  const architecture = task.architecture ?? 'x86_64';
  const image = insertImage(sim, {
    name: task.id,
    description: `AWS-VMImport service: ${guest.platform}`,
    architecture,
    virtualizationType: 'hvm',
    rootDeviceName: task.disks[0]?.deviceName ?? '',
    devices: task.disks.map(deviceOf),
    billing: guest.billing,
    enaSupport: architecture === 'x86_64' && sim.assumptions.importedGuestsHaveEna,
    tags: [],
    ...(task.bootMode ? { bootMode: task.bootMode } : {}),
  });
  image.state = 'available';
  return image;
}

function complete(sim: Simulation, task: ImageImportRecord): void {
  const { guest } = task;
  if (task.status !== 'active' || !guest) return;
  const gone = task.disks.find((disk) => !sim.state.snapshots.get(disk.futureSnapshotId));
  if (gone) {
    startFailure(sim, task, `ClientError: The snapshot ${gone.futureSnapshotId} does not exist`);
    return;
  }
  task.imageId = insertImageOf(sim, task, guest).id;
  task.status = 'completed';
  delete task.progress;
  delete task.statusMessage;
  finish(sim, task);
}

/** Whether a fault rule ends the task here, where most that fail on AWS do: after the guest should have booted. */
function failsAsAsked(sim: Simulation, task: ImageImportRecord, fate: FaultEffects): boolean {
  if (!fate.endState || fate.endState === 'completed') return false;
  const message =
    fate.message ??
    'ClientError: Booter Networking failure/instance not reachable. Please retry after installation/validation of EC2 compatible drivers';
  if (fate.endState === 'deleted') {
    startFailure(sim, task, message);
    return true;
  }
  // Any other status is given as asked for, whether AWS documents it or not.
  task.status = fate.endState;
  task.statusMessage = message;
  finish(sim, task);
  return true;
}

function finish(sim: Simulation, task: ImageImportRecord): void {
  task.endTime = nowText(sim);
  sim.transitions.schedule({
    kind: 'image-import-removed',
    resourceId: task.id,
    seconds: SECONDS.importTaskVisible,
  });
}

export function handleImageImportTransitions(sim: Simulation): void {
  const { transitions, state } = sim;
  for (const { next } of Object.values(STAGES)) {
    if (next === 'completed') continue;
    transitions.on(`image-import-${next}`, async (id, run) => {
      const task = state.imageImports.get(id);
      if (task?.status === 'active') await goThrough(sim, task, { stage: next, run });
    });
  }
  transitions.on('image-import-completed', (id) => {
    const task = state.imageImports.get(id);
    if (task) complete(sim, task);
  });
  transitions.on('image-import-failed', async (id) => {
    const task = state.imageImports.get(id);
    if (task?.status !== 'deleting') return;
    await removeCopies(sim, task);
    task.status = 'deleted';
    finish(sim, task);
  });
  transitions.on('image-import-removed', (id) => state.imageImports.delete(id));
}
