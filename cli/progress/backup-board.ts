import type { BackupProgress } from '../../core/repository/index.ts';
import { formatBytes } from '../units.ts';
import type { ProgressLine } from './bar.ts';
import { makeRateMeter, type RateMeter } from './rate.ts';

type Totals = Omit<BackupProgress, 'diskId'> & { readonly id: string };

export interface BackupBoard {
  /** Takes in what one disk has come to, and tells the lines of all disks. */
  note(progress: BackupProgress, seconds: number): ProgressLine[];
  /** What every disk has come to. */
  totals(): Totals[];
}

/** The state of a backup in lines, one per disk in the order given. */
export function makeBackupBoard(disks: readonly { id: string; sizeBytes: number }[]): BackupBoard {
  const totals = new Map<string, Totals>(
    disks.map(({ id, sizeBytes }) => [id, { id, sizeBytes, readBytes: 0, storedBytes: 0, reusedBytes: 0 }]),
  );
  const meters = new Map<string, RateMeter>(disks.map(({ id }) => [id, makeRateMeter()]));
  const lines = new Map<string, ProgressLine>(
    disks.map(({ id, sizeBytes }) => [
      id,
      { label: id, phase: 'waiting', doneBytes: 0, totalBytes: sizeBytes },
    ]),
  );
  return {
    note({ diskId, ...progress }, seconds) {
      totals.set(diskId, { id: diskId, ...progress });
      const { readBytes: doneBytes, sizeBytes: totalBytes, storedBytes } = progress;
      const isDone = doneBytes >= totalBytes;
      const rate = meters.get(diskId)?.note({ seconds, doneBytes, totalBytes });
      lines.set(diskId, {
        label: diskId,
        phase: isDone ? 'backed up' : 'back up',
        doneBytes,
        totalBytes,
        ...(isDone ? {} : rate),
        note: `${formatBytes(storedBytes)} stored`,
      });
      return [...lines.values()];
    },
    totals: () => [...totals.values()],
  };
}
