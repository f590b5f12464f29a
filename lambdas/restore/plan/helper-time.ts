import { writingTime } from '../../../core/model/cost-model.ts';
import type { Manifest } from '../../../core/model/manifest.ts';
import type { PlannedDisk } from '../../../core/model/plan.ts';
import type { RestoreRequest } from '../../../core/model/request.ts';
import { fieldOf } from './disks.ts';
import { helperWork } from './estimates.ts';
import type { Findings } from './findings.ts';
import { rateOf } from './helper-choice.ts';
import type { HelperType } from './helper-types.ts';
import { throughputOf } from './volume-throughput.ts';

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

/** Warns where the helper comes near its deadline. */
export function checkWritingTime(facts: WritingFacts, type: HelperType): void {
  const { request, findings } = facts;
  const { seconds, slowest: place } = writingTime(helperWork(facts.disks, { ...facts, type }));
  const slowest = place === undefined ? undefined : facts.disks[place];
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
