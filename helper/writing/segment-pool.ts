import { type SegmentRange, type Unfinished, unfinishedRanges } from './job.ts';

export type Task<Job> =
  | { readonly kind: 'write'; readonly job: Job; readonly range: SegmentRange }
  /** All segments of the disk are written. */
  | { readonly kind: 'finish'; readonly job: Job };

/** The work on all disks, for as many workers as there may be. */
export interface SegmentPool<Job> {
  /** The next piece of work; `undefined` when there is none left to begin. */
  take(): Promise<Task<Job> | undefined>;
  /** A piece of work is done. */
  give(task: Task<Job>): void;
}

interface Disk<Job> {
  readonly job: Job;
  readonly ranges: AsyncGenerator<SegmentRange>;
  /** How many workers are at it. */
  workers: number;
  /** Segments not begun yet, about: what earlier runs finished is among them. */
  left: number;
  phase: 'writing' | 'all begun' | 'finishing';
}

/**
 * Fair over disks: the next segment is of the disk that has the fewest workers, so that no volume is idle while another
 * has several; of such disks, of the one with the most left, so that all end at about the same time.
 */
export function makeSegmentPool<Job extends Unfinished>(jobs: readonly Job[]): SegmentPool<Job> {
  const disks = jobs.map(
    (job): Disk<Job> => ({
      job,
      ranges: unfinishedRanges(job),
      workers: 0,
      left: job.reader.segmentCount,
      phase: 'writing',
    }),
  );
  const byJob = new Map(disks.map((disk) => [disk.job, disk]));
  const next = (): Disk<Job> | undefined =>
    disks
      .filter((disk) => disk.phase === 'writing' || (disk.phase === 'all begun' && disk.workers === 0))
      .sort((a, b) => a.workers - b.workers || b.left - a.left)[0];
  return {
    async take() {
      for (let disk = next(); disk; disk = next()) {
        disk.workers += 1;
        if (disk.phase === 'all begun') {
          disk.phase = 'finishing';
          return { kind: 'finish', job: disk.job };
        }
        const { value: range } = await disk.ranges.next();
        if (range) {
          disk.left = disk.job.reader.segmentCount - range.to;
          return { kind: 'write', job: disk.job, range };
        }
        disk.workers -= 1;
        if (disk.phase === 'writing') disk.phase = 'all begun';
      }
      return undefined;
    },
    give({ job }) {
      const disk = byJob.get(job);
      if (disk) disk.workers -= 1;
    },
  };
}
