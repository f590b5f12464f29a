import { z } from 'zod';
import { helperReportSchema, reportKey } from '../../core/model/helper.ts';
import { type Plan, planSchema } from '../../core/model/plan.ts';
import {
  type Claim,
  ENDS_WITH_OTHERS,
  type LedgerEntry,
  phasesOf,
  planKey,
  type RestoreResult,
  resultKey,
} from '../../core/model/restore-record.ts';
import { moveClaim } from '../runtime/claim.ts';
import { consoleOutput } from '../runtime/console-output.ts';
import { readRecord, writeRecord } from '../runtime/control-bucket.ts';
import { describeInstance } from '../runtime/describe.ts';
import { endingSchema, failureOf, readableCause, readFailure, type StateError } from '../runtime/failure.ts';
import { readClaim, readLedger } from '../runtime/ledger.ts';
import { makeStep } from '../runtime/step.ts';
import { folderOf } from './helper/planned.ts';

const inputSchema = endingSchema.extend({
  state: endingSchema.shape.state.extend({
    cleanUp: z.object({ restoreId: z.string(), attempt: z.number().int().nonnegative() }),
  }),
});

type StepInput = z.output<typeof inputSchema>;

// Console output is 64 KiB at most; its end is what tells why a boot failed, and a state holds 256 KiB.
const CONSOLE_CHARACTERS = 16_000;

/** Writes the restore's result, closes the restore and returns the result: the execution's output. */
export const handler = makeStep(inputSchema, async (input) => {
  const { cleanUp: context, cleanUpFailure } = input.state;
  const { restoreId, attempt } = context;
  // An execution that never claimed the restore has no record to conclude.
  if (attempt === 0) return unclaimed(input);
  const plan = (await readRecord(planKey(restoreId, attempt), planSchema))?.value;
  const entries = await readLedger(context);
  const failure = await originalError(input);
  const claim = (await readClaim(restoreId)).value;
  const endedAt = new Date().toISOString();
  const result: RestoreResult = {
    restoreId,
    attempt,
    executionArn: input.executionArn,
    // After hand-over the machine is restored, whatever happened then.
    outcome: failure && claim.handedOverAt === undefined ? 'failed' : 'restored',
    ...(plan === undefined ? {} : factsOf(plan)),
    endedAt,
    ...(failure === undefined ? {} : { error: failure }),
    ...(plan === undefined ? {} : await instanceOf(plan, entries, input)),
    ...(plan === undefined ? {} : await helperOf(plan, entries)),
    volumes: plan === undefined ? [] : volumesOf(plan, entries),
    ...(plan === undefined ? {} : replacedVolumes(plan, entries)),
    phases: phasesOf({ entries, plan, claim, endedAt }),
    ...(plan === undefined ? {} : measuredBy(plan, claim)),
    cleanedUp: entries.flatMap(({ kind, resourceId, removedAt }) =>
      // An original instance was only given back what it had.
      removedAt === undefined || resourceId === undefined || kind === 'original'
        ? []
        : [{ kind, resourceId }],
    ),
    leftBehind: leftBehind(entries, cleanUpFailure),
    ...(cleanUpFailure === undefined ? {} : { cleanUpProblem: readableCause(cleanUpFailure.Cause) }),
  };
  await writeRecord(resultKey(restoreId, attempt), result);
  // What a failed clean-up leaves behind keeps the restore open to another one.
  if (cleanUpFailure === undefined) await moveClaim(restoreId, attempt, 'closed');
  return result;
});

/** The first error of the restore: of a disk's own execution where one was noted. */
async function originalError(input: StepInput): Promise<RestoreResult['error']> {
  const failure = failureOf(input);
  if (failure === undefined) return undefined;
  const noted = await readFailure(input.state.cleanUp);
  return { name: noted?.error ?? failure.Error, cause: readableCause(noted?.cause ?? failure.Cause) };
}

function unclaimed(input: StepInput): RestoreResult {
  const failure = failureOf(input) ?? { Error: 'RestoreFailed', Cause: 'the restore was never claimed' };
  return {
    restoreId: input.state.cleanUp.restoreId,
    attempt: 1,
    executionArn: input.executionArn,
    outcome: 'failed',
    endedAt: new Date().toISOString(),
    error: { name: failure.Error, cause: readableCause(failure.Cause) },
    volumes: [],
    phases: [],
    cleanedUp: [],
    leftBehind: [],
  };
}

function factsOf(
  plan: Plan,
): Pick<RestoreResult, 'restorePoint' | 'workload' | 'strategy' | 'restoreTo' | 'startedAt' | 'reason'> {
  return {
    restorePoint: plan.restorePoint,
    workload: plan.workload.name,
    strategy: plan.strategy.name,
    restoreTo: plan.target.restoreTo,
    startedAt: plan.startedAt,
    ...(plan.reason === undefined ? {} : { reason: plan.reason }),
  };
}

/** The plan's estimate beside what it took. */
function measuredBy(
  { estimate, startedAt }: Plan,
  { handedOverAt }: Pick<Claim, 'handedOverAt'>,
): Pick<RestoreResult, 'measured'> {
  if (estimate === undefined) return {};
  const { bootableSeconds, fullSpeedSeconds, costUsd } = estimate;
  // Two clocks: that of Step Functions and a Lambda's.
  const took =
    handedOverAt === undefined ? undefined : Math.max(0, Date.parse(handedOverAt) - Date.parse(startedAt));
  return {
    measured: {
      estimate: { bootableSeconds, fullSpeedSeconds, costUsd },
      ...(took === undefined ? {} : { bootableSeconds: took / 1_000 }),
    },
  };
}

const isResult = ({ handedOverAt }: LedgerEntry): boolean => handedOverAt !== undefined;

async function instanceOf(
  { target }: Plan,
  entries: readonly LedgerEntry[],
  ending: StepInput,
): Promise<Pick<RestoreResult, 'instance'>> {
  const isInstance = ({ kind }: LedgerEntry): boolean => kind === 'instance' || kind === 'original';
  const instanceId = entries.find((entry) => isInstance(entry) && isResult(entry))?.resourceId;
  if (target.restoreTo === 'volumes' || instanceId === undefined) return {};
  const problem = ending.state.startFailure ?? failureOf(ending);
  const instance = await describeInstance({ id: instanceId });
  const state = target.powerOn ? instance?.State?.Name : undefined;
  const told = state === 'running' ? await consoleOutput(instanceId, CONSOLE_CHARACTERS) : undefined;
  return {
    instance: {
      instanceId,
      name: target.name,
      // The first of the request's types that EC2 had room for.
      instanceType: instance?.InstanceType ?? target.instanceType,
      availabilityZone: target.availabilityZone,
      started: !target.powerOn ? 'not-asked' : state === 'running' ? 'running' : 'not-started',
      ...(problem === undefined ? {} : { startProblem: readableCause(problem.Cause) }),
      ...(state === 'running' ? { statusChecks: problem === undefined ? 'ok' : 'not passed' } : {}),
      ...(told === undefined ? {} : { consoleOutput: told }),
    },
  };
}

/** What the helpers did, by the newest report there is: reports outlive the helpers. */
async function helperOf(plan: Plan, entries: readonly LedgerEntry[]): Promise<Pick<RestoreResult, 'helper'>> {
  if (plan.strategy.name !== 'helper') return {};
  const instanceIds = entries
    .filter(({ step }) => step === 'launch-helper')
    .sort((a, b) => a.name.localeCompare(b.name))
    .flatMap(({ resourceId }) => resourceId ?? []);
  const reports = await Promise.all(
    instanceIds.map((id) => readRecord(reportKey(folderOf(plan, id)), helperReportSchema)),
  );
  const newest = reports.findLast((report) => report !== undefined && report.value.disks.length > 0);
  return { helper: { instanceIds, disks: newest?.value.disks ?? [] } };
}

function volumesOf(plan: Plan, entries: readonly LedgerEntry[]): RestoreResult['volumes'] {
  const { availabilityZone } = plan.target;
  return plan.disks.flatMap(({ id, deviceName, volumeGiB, size }) => {
    const entry = entries.find(({ kind, name }) => kind === 'volume' && name === id);
    if (!entry?.resourceId || !isResult(entry)) return [];
    const { resourceId: volumeId, note } = entry;
    return [
      {
        diskId: id,
        volumeId,
        deviceName,
        availabilityZone,
        sizeGiB: volumeGiB,
        diskBytes: size,
        ...(note === undefined ? {} : { note }),
      },
    ];
  });
}

/** What the original instance had until it was handed over. */
function replacedVolumes(
  { target }: Plan,
  entries: readonly LedgerEntry[],
): Pick<RestoreResult, 'replacedVolumes'> {
  if (target.restoreTo !== 'original') return {};
  if (!entries.some((entry) => entry.kind === 'original' && isResult(entry))) return {};
  return {
    replacedVolumes: target.replaced.map(({ diskId, volumeId, deviceName }) => ({
      diskId,
      volumeId,
      deviceName,
    })),
  };
}

function leftBehind(
  entries: readonly LedgerEntry[],
  cleanUpFailure: StateError | undefined,
): RestoreResult['leftBehind'] {
  const whyStill = cleanUpFailure
    ? `clean-up failed: ${readableCause(cleanUpFailure.Cause)}`
    : 'the request says onFailure: keep';
  return entries
    .filter(({ kind, removedAt, handedOverAt }) => !ENDS_WITH_OTHERS.has(kind) && !removedAt && !handedOverAt)
    .map(({ kind, resourceId, keptBecause }) => ({
      kind,
      ...(resourceId === undefined ? {} : { resourceId }),
      because: keptBecause ?? whyStill,
    }));
}
