import type { Estimate } from '../../../core/model/estimate.ts';
import { tellDuration } from '../../../core/model/estimate.ts';
import type { Manifest } from '../../../core/model/manifest.ts';
import type { Conversion, PlannedDisk, PlannedStrategy } from '../../../core/model/plan.ts';
import type { RestoreRequest } from '../../../core/model/request.ts';
import { batchSegments } from '../direct/batch-size.ts';
import { SNAPSHOT_PUTS_PER_SECOND } from '../direct/limiter.ts';
import { fairShare } from '../direct/workers.ts';
import { accountPutsPerSecond } from './direct-quota.ts';
import { fieldOf } from './disks.ts';
import { estimateOfDirect } from './estimates.ts';
import type { Findings } from './findings.ts';

// StartSnapshot takes up to 65,536 GiB (EBS direct APIs reference).
const MOST_GIB = 65_536;
const DAY_SECONDS = 86_400;
const WORRYING_DAYS = 1;
// The restore ends after 14 days; volumes, target and hand-over want some of them.
const MOST_DAYS = 13;

type DirectStrategy = Extract<PlannedStrategy, { name: 'direct' }>;

export interface DirectPlan {
  readonly disks: readonly PlannedDisk[];
  readonly estimate: Estimate;
  readonly strategy: (chosen: { reason: string }) => DirectStrategy;
}

interface DirectFacts {
  readonly request: RestoreRequest;
  readonly manifest: Manifest;
  readonly disks: readonly PlannedDisk[];
  readonly conversion?: Conversion;
  readonly findings: Findings;
}

/** Decides how the disks are written into snapshots; the findings say where that is not possible. */
export async function planDirect(facts: DirectFacts): Promise<DirectPlan> {
  const { request, findings } = facts;
  const putsPerSecond = await accountPutsPerSecond(findings);
  const restore = { disks: facts.disks, accountPutsPerSecond: putsPerSecond };
  const disks = facts.disks.map((disk) => {
    const field = fieldOf(request, disk.id);
    checkSize(disk, { field, findings });
    checkKey(disk, { field, findings });
    return { ...disk, direct: { batchSegments: batchSegments(disk, fairShare(disk, restore)) } };
  });
  checkWritingTime(facts, putsPerSecond);
  return {
    disks,
    estimate: estimateOfDirect(disks, { ...facts, accountPutsPerSecond: putsPerSecond }),
    strategy: ({ reason }) => ({ name: 'direct', reason, accountPutsPerSecond: putsPerSecond }),
  };
}

function checkSize(
  { volumeGiB }: PlannedDisk,
  { field, findings }: { field: string; findings: Findings },
): void {
  if (volumeGiB <= MOST_GIB) return;
  findings.error(
    field,
    `${volumeGiB} GiB`,
    `a snapshot takes up to ${MOST_GIB} GiB`,
    'Restore the disk with "landfall restore --to FILE_OR_DEVICE"',
  );
}

const KEY_ARN = /^arn:[^:]+:kms:[^:]+:\d{12}:key\/.+$/;

/** Keys have their ARNs by now, unless KMS does not tell us of them. */
function checkKey(
  { kmsKeyId }: PlannedDisk,
  { field, findings }: { field: string; findings: Findings },
): void {
  if (kmsKeyId === undefined || KEY_ARN.test(kmsKeyId)) return;
  findings.error(
    `${field}.kmsKeyId`,
    kmsKeyId,
    'is no ARN of a key: a snapshot’s key can be named in no other way, unlike a volume’s',
    'Give the key’s ARN, or use strategy upload or helper',
  );
}

/** By the limits alone: no number of Lambdas is faster. */
function checkWritingTime({ request, manifest, disks, findings }: DirectFacts, putsPerSecond: number): void {
  const [longest, ...others] = manifest.disks
    .filter(({ id }) => disks.some((disk) => disk.id === id))
    .sort((a, b) => b.writtenBlocks - a.writtenBlocks);
  if (!longest) return;
  const blocks = others.reduce((sum, { writtenBlocks }) => sum + writtenBlocks, longest.writtenBlocks);
  const bySnapshot = longest.writtenBlocks / Math.min(SNAPSHOT_PUTS_PER_SECOND, putsPerSecond);
  const byAccount = blocks / putsPerSecond;
  const seconds = Math.max(bySnapshot, byAccount);
  if (seconds < WORRYING_DAYS * DAY_SECONDS) return;
  const isAccount = byAccount > bySnapshot;
  const limit = isAccount
    ? `${putsPerSecond} blocks a second, all that the account may put`
    : `${SNAPSHOT_PUTS_PER_SECOND} blocks a second, all that a snapshot takes`;
  const value = `${isAccount ? blocks : longest.writtenBlocks} blocks of 512 KiB`;
  const takes = `writing takes at least ${tellDuration(seconds)} at ${limit}`;
  const fix = isAccount
    ? 'Have the quota "PutSnapshotBlock requests per account" raised, or use strategy helper'
    : 'Use strategy helper, with throughput for the volume';
  const field = isAccount ? 'strategy' : fieldOf(request, longest.id);
  if (seconds <= MOST_DAYS * DAY_SECONDS) findings.warning(field, value, takes, fix);
  else findings.error(field, value, `${takes}; the restore ends after 14 days`, fix);
}
