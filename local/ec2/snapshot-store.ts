import type { FaultEffects } from '../faults.ts';
import { GIB_BYTES } from './disks.ts';
import { SECONDS } from './durations.ts';
import { makeId } from './ids.ts';
import type { SnapshotRecord, Tag, VolumeRecord } from './records.ts';
import { nowText, type Simulation } from './simulation.ts';

/** Making snapshots and what happens to them by itself. */

export interface NewSnapshot {
  readonly description: string;
  readonly tags: Tag[];
}

/**
 * Makes a snapshot of a volume and begins to copy its bytes at once: what is written to the volume while the copy
 * is under way may or may not be in it (AWS takes the moment of the call; nothing here can hold a writer back).
 */
export function insertSnapshot(
  sim: Simulation,
  volume: VolumeRecord,
  fields: NewSnapshot,
  fate: FaultEffects,
): SnapshotRecord {
  const snapshot = sim.state.snapshots.insert({
    id: makeId('snap'),
    volumeId: volume.id,
    sizeGiB: volume.sizeGiB,
    description: fields.description,
    ownerId: sim.context.accountId,
    encrypted: volume.encrypted,
    startTime: nowText(sim),
    state: 'pending',
    progress: 0,
    tags: fields.tags,
    ...(volume.kmsKeyId ? { kmsKeyId: volume.kmsKeyId } : {}),
    ...(volume.billing ? { billing: volume.billing } : {}),
  });
  sim.transitions.schedule({ kind: 'snapshot-copied', resourceId: snapshot.id, seconds: 0, fate });
  return snapshot;
}

export function failSnapshot(sim: Simulation, snapshot: SnapshotRecord, message: string): void {
  snapshot.state = 'error';
  snapshot.stateMessage = message;
  announce(sim, snapshot, message);
}

function announce(sim: Simulation, snapshot: SnapshotRecord, cause?: string): void {
  // No event is documented for snapshots that were written directly: nobody shall wait for one.
  if (snapshot.direct) return;
  sim.events.snapshot({
    snapshotId: snapshot.id,
    volumeId: snapshot.volumeId,
    result: cause === undefined ? 'succeeded' : 'failed',
    startTime: snapshot.startTime,
    endTime: nowText(sim),
    ...(cause === undefined ? {} : { cause }),
  });
}

async function copy(
  sim: Simulation,
  snapshot: SnapshotRecord,
  run: { readonly fate: FaultEffects; readonly signal: AbortSignal },
): Promise<void> {
  if (snapshot.state !== 'pending') return;
  const { id: snapshotId, volumeId, sizeGiB } = snapshot;
  try {
    snapshot.fullBytes = await sim.disks.takeSnapshot({ snapshotId, volumeId, sizeGiB, signal: run.signal });
  } catch (error) {
    run.signal.throwIfAborted();
    failSnapshot(sim, snapshot, String(error));
    return;
  }
  snapshot.progress = 50;
  if (run.fate.stuck) return;
  sim.transitions.schedule({
    kind: 'snapshot-completed',
    resourceId: snapshotId,
    seconds: SECONDS.snapshotBase + (snapshot.fullBytes / GIB_BYTES) * SECONDS.snapshotPerGiB,
    fate: run.fate,
  });
}

function complete(sim: Simulation, snapshot: SnapshotRecord, fate: FaultEffects): void {
  if (snapshot.state !== 'pending') return;
  if (fate.endState) {
    failSnapshot(sim, snapshot, fate.message ?? 'An internal error occurred.');
    return;
  }
  snapshot.state = 'completed';
  snapshot.progress = 100;
  snapshot.completionTime = nowText(sim);
  announce(sim, snapshot);
}

/** Whether a volume being made, or a child being written, still needs the snapshot's bytes. */
const isBeingRead = (sim: Simulation, snapshotId: string): boolean =>
  sim.state.volumes
    .all()
    .some(
      (volume) =>
        volume.snapshotId === snapshotId &&
        !volume.contentReady &&
        ['creating', 'in-use'].includes(volume.state),
    ) ||
  sim.state.snapshots
    .all()
    .some((child) => child.direct?.parentId === snapshotId && child.state === 'pending');

/** Takes a snapshot away; its bytes go as soon as no volume is being made from them. */
export function removeSnapshot(sim: Simulation, snapshotId: string): void {
  sim.transitions.cancel(snapshotId);
  sim.state.snapshots.delete(snapshotId);
  sim.transitions.schedule({ kind: 'snapshot-removed', resourceId: snapshotId, seconds: 0 });
}

export function handleSnapshotTransitions(sim: Simulation): void {
  const { transitions, state, disks } = sim;
  transitions.on('snapshot-copied', async (id, run) => {
    const snapshot = state.snapshots.get(id);
    if (snapshot) await copy(sim, snapshot, run);
  });
  transitions.on('snapshot-completed', (id, { fate }) => {
    const snapshot = state.snapshots.get(id);
    if (snapshot) complete(sim, snapshot, fate);
  });
  transitions.on('snapshot-removed', async (id) => {
    if (isBeingRead(sim, id)) {
      transitions.schedule({ kind: 'snapshot-removed', resourceId: id, seconds: SECONDS.volumeDeleting });
      return;
    }
    await disks.removeSnapshot(id);
  });
}
