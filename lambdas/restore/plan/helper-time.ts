import type { Manifest } from '../../../core/model/manifest.ts';
import type { PlannedDisk } from '../../../core/model/plan.ts';
import type { RestoreRequest } from '../../../core/model/request.ts';
import { fieldOf } from './disks.ts';
import type { Findings } from './findings.ts';
import { rateOf } from './helper-choice.ts';
import type { HelperType } from './helper-types.ts';
import { throughputOf } from './volume-throughput.ts';

const BLOCK_BYTES = 512 * 1_024;
const BYTES_PER_MIB = 1_024 ** 2;
const BYTES_PER_MB = 1e6;
const DAY_SECONDS = 86_400;
// The restore gives the helper up after seven days.
const DEADLINE_DAYS = 7;
const WORRYING_DAYS = 5;

interface WritingFacts {
  readonly request: RestoreRequest;
  readonly manifest: Manifest;
  readonly disks: readonly PlannedDisk[];
  readonly findings: Findings;
}

export interface WritingTime {
  readonly seconds: number;
  /** The disk whose volume takes longest; undefined where the helper is slower than its volumes. */
  readonly slowest: PlannedDisk | undefined;
}

/** Warns where the helper comes near its deadline. */
export function checkWritingTime(facts: WritingFacts, type: HelperType): void {
  const { request, findings } = facts;
  const { seconds, slowest } = estimateWriting(facts, type);
  const days = seconds / DAY_SECONDS;
  if (days <= WORRYING_DAYS) return;
  const problem = (what: string): string =>
    `${what} takes about ${days.toFixed(1)} days, and the restore gives up after ${DEADLINE_DAYS}`;
  if (slowest) {
    findings.warning(
      fieldOf(request, slowest.id),
      `${slowest.volumeType}, ${Math.round(throughputOf(slowest).sustainedMiBps)} MiB/s`,
      problem('writing its data'),
      'Give the disk more throughput for the restore, e.g. gp3 with disks[].throughput; it can be lowered afterwards',
    );
  } else {
    findings.warning(
      'helper.instanceType',
      type.name,
      problem(`writing all data at ${Math.floor(rateOf(type))} MB/s`),
      'Name a type with more bandwidth to EBS',
    );
  }
}

/** How long the data takes: what is not zero, through the slowest of the volumes or through the helper. */
export function estimateWriting(
  { request, manifest, disks }: Omit<WritingFacts, 'findings'>,
  type: HelperType,
): WritingTime {
  const blocks = new Map<string, number>(manifest.disks.map(({ id, writtenBlocks }) => [id, writtenBlocks]));
  // Reading everything back takes as long again.
  const passes = request.helper.readBack === 'all' ? 2 : 1;
  const bytesOf = ({ id }: PlannedDisk): number => (blocks.get(id) ?? 0) * BLOCK_BYTES * passes;
  const secondsOf = (disk: PlannedDisk): number =>
    bytesOf(disk) / (throughputOf(disk).sustainedMiBps * BYTES_PER_MIB);
  const slowest = disks.toSorted((a, b) => secondsOf(b) - secondsOf(a))[0];
  const byVolumes = slowest ? secondsOf(slowest) : 0;
  const byHelper = disks.reduce((sum, disk) => sum + bytesOf(disk), 0) / (rateOf(type) * BYTES_PER_MB);
  return byHelper > byVolumes ? { seconds: byHelper, slowest: undefined } : { seconds: byVolumes, slowest };
}
