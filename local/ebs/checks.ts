import type { SnapshotRecord } from '../ec2/records.ts';
import { invalid, noSuchSnapshot, notYours } from './errors.ts';
import type { EbsSimulation } from './simulation.ts';

const SNAPSHOT_ID = /^snap-[0-9a-f]{1,59}$/;

/** @throws AwsError ValidationException */
export function checkSnapshotId(snapshotId: string | undefined): string {
  if (snapshotId !== undefined && SNAPSHOT_ID.test(snapshotId)) return snapshotId;
  throw invalid('INVALID_SNAPSHOT_ID', `The snapshot id '${snapshotId}' is malformed.`);
}

/** A snapshot of this account. @throws AwsError ResourceNotFoundException, AccessDeniedException */
export function checkOwn(sim: EbsSimulation, snapshotId: string): Readonly<SnapshotRecord> {
  const snapshot = sim.snapshots.find(snapshotId);
  if (!snapshot) throw noSuchSnapshot(snapshotId);
  if (snapshot.ownerId !== sim.context.accountId) throw notYours(snapshotId);
  return snapshot;
}

/** A snapshot whose blocks can be read. @throws AwsError as above, and ValidationException */
export function checkCompleted(sim: EbsSimulation, snapshotId: string): Readonly<SnapshotRecord> {
  const snapshot = checkOwn(sim, snapshotId);
  if (snapshot.state === 'completed') return snapshot;
  throw invalid('INVALID_SNAPSHOT_ID', `The snapshot '${snapshotId}' is ${snapshot.state}, not completed.`);
}
