import type { DiskReport } from '../../core/model/helper.ts';

type DiskPhase = DiskReport['state'];

/** What is to be told of a disk. */
export interface DiskProgress {
  enter(phase: DiskPhase): void;
  /** What earlier runs had finished. */
  resume(done: { doneBytes: number; writtenBytes: number }): void;
  wrote(more: { doneBytes: number; writtenBytes: number }): void;
  readBack(bytes: number): void;
  finish(diskDigest: string): void;
  report(): DiskReport;
}

export interface DiskProgressOptions {
  readonly id: string;
  readonly diskBytes: number;
  /** How far back the speed looks while the disk is being written. */
  readonly speedSeconds: number;
  readonly onPhase: () => void;
}

interface Sample {
  readonly seconds: number;
  readonly writtenBytes: number;
}

const now = (): number => performance.now() / 1000;

export function makeDiskProgress({
  id,
  diskBytes,
  speedSeconds,
  onPhase,
}: DiskProgressOptions): DiskProgress {
  let phase: DiskPhase = 'waiting';
  let [doneBytes, resumedBytes, writtenBytes, earlierBytes, readBackBytes] = [0, 0, 0, 0, 0];
  let diskDigest: string | undefined;
  let [startedAt, endedAt]: (Date | undefined)[] = [];
  let samples: Sample[] = [];
  let writing: { readonly from: number; to?: number } | undefined;

  const bytesPerSecond = (): number => {
    if (!writing) return 0;
    const sample = { seconds: now(), writtenBytes };
    if (writing.to !== undefined)
      return rate({ seconds: writing.from, writtenBytes: earlierBytes }, { ...sample, seconds: writing.to });
    samples = [...samples.filter(({ seconds }) => seconds >= sample.seconds - speedSeconds), sample];
    return rate(samples[0] ?? sample, sample);
  };
  return {
    enter(next) {
      if (next === 'checking') startedAt = new Date();
      if (next === 'writing') {
        writing = { from: now() };
        samples = [{ seconds: writing.from, writtenBytes }];
      }
      if (next === 'reading-back' && writing) writing.to = now();
      phase = next;
      onPhase();
    },
    resume(done) {
      resumedBytes = done.doneBytes;
      doneBytes = done.doneBytes;
      earlierBytes = done.writtenBytes;
      writtenBytes = done.writtenBytes;
    },
    wrote(more) {
      doneBytes += more.doneBytes;
      writtenBytes += more.writtenBytes;
    },
    readBack(bytes) {
      readBackBytes += bytes;
    },
    finish(digest) {
      diskDigest = digest;
      endedAt = new Date();
      phase = 'done';
      onPhase();
    },
    report: () => ({
      ...{ id, state: phase, doneBytes, diskBytes, writtenBytes, resumedBytes, readBackBytes },
      bytesPerSecond: bytesPerSecond(),
      ...(startedAt && { startedAt: startedAt.toISOString() }),
      ...(endedAt && { endedAt: endedAt.toISOString() }),
      ...(diskDigest !== undefined && { diskDigest }),
    }),
  };
}

function rate(first: Sample, last: Sample): number {
  const seconds = last.seconds - first.seconds;
  return seconds > 0 ? Math.round((last.writtenBytes - first.writtenBytes) / seconds) : 0;
}
