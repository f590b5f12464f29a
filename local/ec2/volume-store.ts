import type { FaultEffects } from '../faults.ts';
import { AwsError } from '../service.ts';
import { GIB_BYTES } from './disks.ts';
import { SECONDS } from './durations.ts';
import { makeId } from './ids.ts';
import { type Encryption, keyProblem } from './kms.ts';
import type { AttachmentRecord, SnapshotRecord, Tag, VolumeRecord, VolumeShape } from './records.ts';
import { nowText, type Simulation } from './simulation.ts';

/** Making volumes and what happens to them by itself, whoever asked for it. */

export interface NewVolume {
  readonly shape: VolumeShape;
  readonly zone: string;
  readonly encryption: Encryption;
  readonly snapshot?: SnapshotRecord | undefined;
  readonly initializationRate?: number | undefined;
  readonly tags: Tag[];
}

/** Makes a volume in state `creating` with its file, all zero as yet. @throws UnsupportedOperation (too large a file) */
export function insertVolume(
  sim: Simulation,
  fields: NewVolume,
  attachment?: AttachmentRecord,
): VolumeRecord {
  const { shape, zone, encryption, snapshot, initializationRate, tags } = fields;
  const id = makeId('vol');
  sim.disks.createVolume(id, shape.sizeGiB);
  return sim.state.volumes.insert({
    ...shape,
    ...encryption,
    id,
    zone,
    createTime: nowText(sim),
    state: attachment ? 'in-use' : 'creating',
    contentReady: !snapshot,
    initialized: !snapshot,
    tags,
    ...(snapshot ? { snapshotId: snapshot.id } : {}),
    ...(snapshot?.billing ? { billing: snapshot.billing } : {}),
    ...(initializationRate === undefined ? {} : { initializationRate }),
    ...(attachment ? { attachment } : {}),
  });
}

/** A snapshot that volumes can be made from. @throws IncorrectState */
export function checkCompleted(snapshot: SnapshotRecord): SnapshotRecord {
  if (snapshot.state === 'completed') return snapshot;
  throw new AwsError('IncorrectState', `Snapshot is in invalid state - ${snapshot.state}`);
}

export function scheduleCreation(sim: Simulation, volume: VolumeRecord, fate: FaultEffects): void {
  if (fate.stuck) return;
  const badKey = keyProblem(sim, volume.kmsKeyId) !== undefined;
  const creating = volume.snapshotId ? SECONDS.volumeCreatingFromSnapshot : SECONDS.volumeCreating;
  sim.transitions.schedule({
    kind: 'volume-created',
    resourceId: volume.id,
    seconds: badKey ? SECONDS.volumeKeyCheck : creating,
    fate,
  });
}

/** Brings the bytes of the snapshot that a volume was made from; nothing to do where there is none. */
export async function fillFromSnapshot(
  sim: Simulation,
  volume: VolumeRecord,
  signal: AbortSignal,
): Promise<void> {
  if (volume.contentReady || !volume.snapshotId) return;
  await sim.disks.fillVolume({ volumeId: volume.id, snapshotId: volume.snapshotId, signal });
  volume.contentReady = true;
  const snapshot = sim.state.snapshots.get(volume.snapshotId);
  sim.transitions.schedule({
    kind: 'volume-initialized',
    resourceId: volume.id,
    seconds: initializationSeconds(volume, snapshot?.fullBytes ?? 0),
  });
}

function initializationSeconds(volume: VolumeRecord, dataBytes: number): number {
  const mebibytes = dataBytes / 1024 ** 2;
  if (volume.initializationRate) return mebibytes / volume.initializationRate;
  return (dataBytes / GIB_BYTES) * SECONDS.volumeInitializingPerGiB;
}

/** Why a volume's creation fails, if it does. */
function creationFailure(sim: Simulation, volume: VolumeRecord, fate: FaultEffects): string | undefined {
  if (fate.endState) return fate.message ?? 'The volume could not be created.';
  return keyProblem(sim, volume.kmsKeyId);
}

function failCreation(sim: Simulation, volume: VolumeRecord, cause: string, endState = 'error'): void {
  if (endState === 'deleted') {
    startRemoval(sim, volume);
  } else {
    volume.state = 'error';
  }
  sim.events.volume(volume.id, { event: 'createVolume', result: 'failed', cause });
}

/** Lets a volume's bytes go after a while; its record stays as `deleted` to answer for its client token. */
export function startRemoval(sim: Simulation, volume: VolumeRecord, fate: FaultEffects = {}): void {
  volume.state = 'deleting';
  delete volume.attachment;
  sim.transitions.cancel(volume.id);
  if (fate.stuck) return;
  sim.transitions.schedule({
    kind: 'volume-deleted',
    resourceId: volume.id,
    seconds: SECONDS.volumeDeleting,
    fate,
  });
}

/** Whether a snapshot being taken still reads the volume's bytes. */
const isBeingCopied = (sim: Simulation, volumeId: string): boolean =>
  sim.state.snapshots
    .all()
    .some((each) => each.volumeId === volumeId && each.state === 'pending' && each.fullBytes === undefined);

async function finishCreation(
  sim: Simulation,
  volume: VolumeRecord,
  run: { readonly fate: FaultEffects; readonly signal: AbortSignal },
): Promise<void> {
  if (volume.state !== 'creating') return;
  const failure = creationFailure(sim, volume, run.fate);
  if (failure) {
    failCreation(sim, volume, failure, run.fate.endState);
    return;
  }
  try {
    await fillFromSnapshot(sim, volume, run.signal);
  } catch (error) {
    run.signal.throwIfAborted();
    failCreation(sim, volume, String(error));
    return;
  }
  volume.state = 'available';
  sim.events.volume(volume.id, { event: 'createVolume', result: 'available' });
}

async function finishRemoval(sim: Simulation, volume: VolumeRecord, fate: FaultEffects): Promise<void> {
  if (volume.state !== 'deleting') return;
  if (isBeingCopied(sim, volume.id)) {
    sim.transitions.schedule({
      kind: 'volume-deleted',
      resourceId: volume.id,
      seconds: SECONDS.volumeDeleting,
      fate,
    });
    return;
  }
  if (fate.endState === 'error') {
    volume.state = 'error';
    return;
  }
  await sim.disks.removeVolume(volume.id);
  volume.state = 'deleted';
  sim.events.volume(volume.id, { event: 'deleteVolume', result: 'deleted' });
}

export function handleVolumeTransitions(sim: Simulation): void {
  const { transitions, state } = sim;
  transitions.on('volume-created', async (id, run) => {
    const volume = state.volumes.get(id);
    if (volume) await finishCreation(sim, volume, run);
  });
  transitions.on('volume-deleted', async (id, { fate }) => {
    const volume = state.volumes.get(id);
    if (volume) await finishRemoval(sim, volume, fate);
  });
  transitions.on('volume-initialized', (id) => {
    const volume = state.volumes.get(id);
    if (!volume) return;
    volume.initialized = true;
    sim.events.volume(id, { event: 'initializeVolume', result: 'succeeded' });
  });
}
