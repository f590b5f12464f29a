import type { Plan } from '../../core/model/plan.ts';
import type { LedgerEntry } from '../../core/model/restore-record.ts';
import type { Attempt, RestoreRecords } from './records.ts';

const BLOCK_BYTES = 512 * 1_024;

/** How far a disk is written into its snapshot. */
export interface WrittenDisk {
  /** Bytes dealt with, zeros included. */
  readonly doneBytes: number;
  readonly writtenBytes: number;
}

export interface ObservedDirect {
  readonly attempt: Attempt;
  readonly plan: Plan;
  readonly entries: readonly LedgerEntry[];
}

/** The snapshot that a disk is written into, with strategy direct; not in the ledger before it is started. */
export function directSnapshot(entries: readonly LedgerEntry[], diskId: string): LedgerEntry | undefined {
  return entries.find((entry) => entry.step === 'start-direct-snapshot' && entry.diskId === diskId);
}

/** How far the disks are whose snapshots are being written, by what their batches note every few seconds. */
export async function observeDirect(
  records: Pick<RestoreRecords, 'directProgress'>,
  { attempt, plan, entries }: ObservedDirect,
): Promise<Map<string, WrittenDisk>> {
  if (plan.strategy.name !== 'direct') return new Map();
  const open = plan.disks.filter(({ id }) => {
    const snapshot = directSnapshot(entries, id);
    return snapshot?.resourceId !== undefined && !snapshot.readyAt && !snapshot.removedAt;
  });
  const disks = await Promise.all(
    open.map(async ({ id, segmentBytes }): Promise<[string, WrittenDisk]> => {
      const notes = await records.directProgress({ ...attempt, diskId: id });
      const written = {
        doneBytes: notes.reduce((sum, { from, offset }) => sum + offset - from * segmentBytes, 0),
        writtenBytes: notes.reduce((sum, { writtenBlocks }) => sum + writtenBlocks * BLOCK_BYTES, 0),
      };
      return [id, written];
    }),
  );
  return new Map(disks);
}
