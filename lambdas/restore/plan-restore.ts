import { z } from 'zod';
import { InvalidId, parseRestoreId, type RestoreId } from '../../core/model/ids.ts';
import { type Plan, planSchema } from '../../core/model/plan.ts';
import type { PlanReport } from '../../core/model/plan-report.ts';
import { claimKey, claimSchema, planKey } from '../../core/model/restore-record.ts';
import { claimRestore } from '../runtime/claim.ts';
import { readRecord, writeRecord } from '../runtime/control-bucket.ts';
import { makeStep } from '../runtime/step.ts';
import type { Findings } from './plan/findings.ts';
import { lookAt } from './plan/look-at.ts';
import { reportOf } from './plan/report.ts';

const inputSchema = z.object({
  executionArn: z.string(),
  executionName: z.string(),
  startedAt: z.string(),
  request: z.unknown(),
  /** Answers what a restore would do, and claims nothing. */
  dryRun: z.boolean().default(false),
});

type StepInput = z.output<typeof inputSchema>;

interface DiskItem {
  readonly diskId: string;
  readonly becomes: 'volume' | 'image';
}

/** What the state machine goes by; everything else its steps read from the plan. */
interface PlannedRestore {
  readonly restoreId: string;
  readonly attempt: number;
  readonly strategy: string;
  /** Whether VM Import has to make the machine bootable. */
  readonly conversion: 'import' | 'none';
  readonly disks: readonly DiskItem[];
  /** Those that go into the import. */
  readonly imageDisks: readonly DiskItem[];
  readonly restoreTo: Plan['target']['restoreTo'];
  readonly launchImage: string;
  /** Those whose volumes at the original instance are replaced. */
  readonly replacedDisks: readonly { readonly diskId: string }[];
  readonly powerOn: boolean;
}

/**
 * Locates the restore point, checks all that can be known, decides everything, claims the restore and writes the
 * plan. Nothing is created in EC2 or S3 before this has succeeded. A dry run answers a report instead, whatever is
 * wrong.
 * @throws BadRequest with everything that is wrong, but for a dry run
 */
export const handler = makeStep(
  inputSchema,
  async (input): Promise<PlannedRestore | PlanReport> =>
    input.dryRun ? await tryPlan(input) : await planRestore(input),
);

async function tryPlan({ request }: StepInput): Promise<PlanReport> {
  const looked = await lookAt(request, { compare: 'all' });
  await checkUnclaimed(looked.request?.restoreId, looked.findings);
  return reportOf(looked);
}

/** A restore would find out when it claims its id; a dry run only looks. */
async function checkUnclaimed(restoreId: RestoreId | undefined, findings: Findings): Promise<void> {
  const claim = restoreId && (await readRecord(claimKey(restoreId), claimSchema))?.value;
  if (!claim || claim.state === 'closed') return;
  findings.error(
    'restoreId',
    restoreId,
    `is ${claim.state} in ${claim.executionArn}`,
    'Wait until that has ended, end it with "landfall cancel", or choose another restoreId',
  );
}

async function planRestore(input: StepInput): Promise<PlannedRestore> {
  const looked = await lookAt(input.request, { compare: 'as-needed' });
  const { findings, request, located, decision } = looked;
  const restoreId = restoreIdOf(request?.restoreId, input.executionName, findings);
  findings.throwErrors();
  const { target, conversion, choice } = decision ?? {};
  const chosen = choice?.chosen;
  if (!request || !located || !target || !conversion || !chosen || restoreId === undefined) {
    throw new TypeError('not everything was decided, and no finding says why');
  }
  const { executionArn } = input;
  const attempt = await claimRestore({ restoreId, executionArn, onFailure: request.onFailure });
  const { workload, time } = located.manifest;
  const plan: Plan = {
    restoreId,
    attempt,
    executionArn,
    startedAt: new Date(input.startedAt).toISOString(),
    plannedAt: new Date().toISOString(),
    repository: looked.repositoryUrl,
    restorePoint: located.id,
    restorePointTime: time,
    workload: {
      name: workload.name,
      kind: workload.kind,
      platform: workload.platform,
      ...(workload.operatingSystem === undefined ? {} : { operatingSystem: workload.operatingSystem }),
    },
    strategy: chosen.strategy({ restoreId, attempt }),
    estimate: chosen.estimate,
    conversion,
    target,
    disks: [...chosen.disks],
    excludedDisks: request.disks.filter(({ exclude }) => exclude).map(({ id }) => id),
    warnings: findings.warnings,
    ...(request.reason === undefined ? {} : { reason: request.reason }),
    onFailure: request.onFailure,
  };
  return answerOf(await writePlanOnce(plan));
}

function answerOf({ restoreId, attempt, strategy, conversion, disks, target }: Plan): PlannedRestore {
  const imported = new Set<string>(conversion.kind === 'import-image' ? conversion.diskIds : []);
  const items = disks.map(
    ({ id }): DiskItem => ({ diskId: id, becomes: imported.has(id) ? 'image' : 'volume' }),
  );
  return {
    restoreId,
    attempt,
    strategy: strategy.name,
    conversion: conversion.kind === 'import-image' ? 'import' : 'none',
    disks: items,
    imageDisks: items.filter(({ becomes }) => becomes === 'image'),
    restoreTo: target.restoreTo,
    launchImage: target.restoreTo === 'new' ? target.launchImage.kind : 'none',
    replacedDisks: target.restoreTo === 'original' ? target.replaced.map(({ diskId }) => ({ diskId })) : [],
    powerOn: target.restoreTo === 'volumes' ? false : target.powerOn,
  };
}

/** The request's, else the execution's name. */
function restoreIdOf(
  asked: RestoreId | undefined,
  executionName: string,
  findings: Findings,
): RestoreId | undefined {
  const isRefused = findings.errors.some(({ field }) => field === 'restoreId');
  if (asked !== undefined || isRefused) return asked;
  try {
    return parseRestoreId(executionName);
  } catch (error) {
    if (!(error instanceof InvalidId)) throw error;
    findings.error(
      'restoreId',
      'nothing',
      `the execution’s name "${executionName}" is no restoreId (1 to 64 of A-Z a-z 0-9 _ -)`,
      'Give restoreId, or another execution name',
    );
    return undefined;
  }
}

/** A step that runs twice must not change its mind: the first plan stands, and is returned. */
async function writePlanOnce(plan: Plan): Promise<Plan> {
  const key = planKey(plan.restoreId, plan.attempt);
  const stored = await readRecord(key, planSchema);
  if (stored) return stored.value;
  await writeRecord(key, plan, { replaces: 'nothing' });
  return plan;
}
