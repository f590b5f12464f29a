import type { FaultEffects } from '../faults.ts';
import type { BlockRuns } from './block-runs.ts';
import { SECONDS } from './durations.ts';
import { earlierResult, type IdempotentRequest, rememberResult } from './idempotency.ts';
import { makeId } from './ids.ts';
import { chooseEncryption, type Encryption, isUsableKey } from './kms.ts';
import type { SnapshotRecord, Tag } from './records.ts';
import { nowText, type Simulation } from './simulation.ts';
import { failSnapshot } from './snapshot-store.ts';

/** What AWS says for the volume of a snapshot that was not taken of one. */
const NO_VOLUME = 'vol-ffffffff';

export interface NewDirectSnapshot {
  readonly sizeGiB: number;
  readonly description: string;
  readonly tags: Tag[];
  readonly encryption: Encryption;
  readonly parent: Readonly<SnapshotRecord> | undefined;
  readonly timeoutMinutes: number;
  readonly fate: FaultEffects;
}

/**
 * The side of EC2's snapshots that the EBS direct APIs work on. A snapshot made here is EC2's like any other; its
 * bytes are written to its file by whoever holds it open, until it is sealed.
 */
export interface DirectSnapshots {
  readonly encryptionByDefault: boolean;
  find(snapshotId: string): Readonly<SnapshotRecord> | undefined;
  /** Those that take blocks. */
  open(): readonly Readonly<SnapshotRecord>[];
  /** How many were begun and are neither completed nor failed. */
  pendingCount(): number;
  file(snapshotId: string): string;
  /** @throws AwsError InvalidParameterDependency, and whatever a key is refused with */
  chooseEncryption(
    asked: { readonly Encrypted?: boolean | undefined; readonly KmsKeyId?: string | undefined },
    source?: Encryption,
  ): Encryption;
  isUsableKey(key: string): boolean;
  /** Id of the snapshot that the same request made. @throws AwsError IdempotentParameterMismatch, InvalidParameterValue */
  earlier(request: IdempotentRequest): string | undefined;
  /** Makes a pending snapshot with its file, all zero. @throws AwsError UnsupportedOperation for too large a file */
  start(fields: NewDirectSnapshot, request: IdempotentRequest): Readonly<SnapshotRecord>;
  setProgress(snapshotId: string, percent: number): void;
  /** Closes a snapshot with the blocks that were written; it becomes `completed` by itself. */
  seal(snapshotId: string, written: BlockRuns, fate: FaultEffects): Promise<void>;
  fail(snapshotId: string, message: string): void;
  /** The blocks of a completed snapshot that were ever written. */
  blocks(snapshotId: string): Promise<BlockRuns>;
}

export function makeDirectSnapshots(sim: Simulation): DirectSnapshots {
  const { disks, state, transitions } = sim;
  const pending = () => state.snapshots.all().filter((each) => each.direct && each.state === 'pending');
  return {
    get encryptionByDefault() {
      return state.settings.encryptionByDefault;
    },
    find: (id) => state.snapshots.get(id),
    open: () => pending().filter((each) => !each.direct?.sealed),
    pendingCount: () => pending().length,
    file: (id) => disks.snapshotFile(id),
    chooseEncryption: (asked, source) => chooseEncryption(sim, asked, source),
    isUsableKey: (key) => isUsableKey(sim, key),
    earlier: (request) => earlierResult(sim, 'StartSnapshot', request)?.[0],
    start: (fields, request) => start(sim, fields, request),
    setProgress(id, percent) {
      const snapshot = state.snapshots.get(id);
      if (snapshot?.state !== 'pending' || snapshot.progress === percent) return;
      snapshot.progress = percent;
      state.changed();
    },
    async seal(id, written, fate) {
      await disks.saveSnapshotBlocks(id, written);
      const snapshot = state.snapshots.get(id);
      if (snapshot?.state !== 'pending' || !snapshot.direct) return;
      snapshot.direct.sealed = true;
      const together = { ...snapshot.direct.fate, ...fate };
      transitions.schedule({ kind: 'snapshot-sealed', resourceId: id, seconds: 0, fate: together });
    },
    fail(id, message) {
      const snapshot = state.snapshots.get(id);
      if (snapshot?.state !== 'pending') return;
      failSnapshot(sim, snapshot, message);
      state.changed();
    },
    blocks: (id) => disks.snapshotBlocks(id),
  };
}

function start(sim: Simulation, fields: NewDirectSnapshot, request: IdempotentRequest): SnapshotRecord {
  const { parent, encryption, fate } = fields;
  const id = makeId('snap');
  sim.disks.createSnapshot(id, fields.sizeGiB);
  const snapshot = sim.state.snapshots.insert({
    ...encryption,
    id,
    volumeId: NO_VOLUME,
    sizeGiB: fields.sizeGiB,
    description: fields.description,
    ownerId: sim.context.accountId,
    startTime: nowText(sim),
    state: 'pending',
    progress: 0,
    tags: fields.tags,
    ...(parent?.billing ? { billing: parent.billing } : {}),
    direct: {
      lineage: parent ? lineageOf(parent) : id,
      timeoutMinutes: fields.timeoutMinutes,
      fate,
      ...(parent ? { parentId: parent.id } : {}),
    },
  });
  rememberResult(sim, 'StartSnapshot', request, [id]);
  if (fate.endState) {
    sim.transitions.schedule({
      kind: 'snapshot-completed',
      resourceId: id,
      seconds: SECONDS.snapshotSpoiling,
      fate,
    });
  }
  sim.state.changed();
  return snapshot;
}

/** What snapshots have in common whose blocks can be compared. */
export function lineageOf({ id, volumeId, direct }: Readonly<SnapshotRecord>): string {
  return direct?.lineage ?? (volumeId === NO_VOLUME ? id : volumeId);
}

async function inherit(
  sim: Simulation,
  snapshot: SnapshotRecord,
  run: { readonly fate: FaultEffects; readonly signal: AbortSignal },
): Promise<void> {
  if (snapshot.state !== 'pending') return;
  const copy = { snapshotId: snapshot.id, parentId: snapshot.direct?.parentId, signal: run.signal };
  try {
    snapshot.fullBytes = await sim.disks.inheritBlocks(copy);
  } catch (error) {
    run.signal.throwIfAborted();
    failSnapshot(sim, snapshot, String(error));
    return;
  }
  if (run.fate.stuck) return;
  sim.transitions.schedule({
    kind: 'snapshot-completed',
    resourceId: snapshot.id,
    seconds: SECONDS.snapshotSealing,
    fate: run.fate,
  });
}

export function handleDirectSnapshotTransitions(sim: Simulation): void {
  sim.transitions.on('snapshot-sealed', async (id, run) => {
    const snapshot = sim.state.snapshots.get(id);
    if (snapshot) await inherit(sim, snapshot, run);
  });
}
