import { tellEstimate } from '../../core/model/estimate.ts';
import type { HelperReport } from '../../core/model/helper.ts';
import type { Plan } from '../../core/model/plan.ts';
import { describeFinding } from '../../core/model/request.ts';
import {
  type Claim,
  ENDS_WITH_OTHERS,
  type LedgerEntry,
  type Phase,
  phasesOf,
  type RestoreResult,
} from '../../core/model/restore-record.ts';
import { renderTable } from '../table.ts';
import { formatBytes, formatDuration } from '../units.ts';
import { helperFacts, helperLines } from './describe-helper.ts';
import type { Execution } from './find-restore.ts';

/** All that is known of a restore, whatever of it there is. */
export interface RestoreStory {
  readonly restoreId: string;
  readonly attempt?: number;
  readonly execution?: Execution;
  readonly plan?: Plan;
  readonly entries: readonly LedgerEntry[];
  readonly result?: RestoreResult;
  /** What a helper appliance has reported last, where there is no result yet. */
  readonly helperReport?: HelperReport;
  /** How far clean-up is: nothing is left to do once it is `closed`. */
  readonly claimState?: Claim['state'];
}

export interface RestoreError {
  readonly name: string;
  readonly cause: string;
}

/** Why a restore failed: what it noted itself, else what Step Functions says. */
export function errorOf({
  result,
  execution,
}: Pick<RestoreStory, 'result' | 'execution'>): RestoreError | undefined {
  if (result?.error !== undefined) return result.error;
  if (execution?.error === undefined && execution?.cause === undefined) return undefined;
  return { name: execution.error ?? 'unknown', cause: readableCause(execution.cause ?? 'no cause given') };
}

/** Lambda wraps an error's message in JSON with its stack; people want the message. */
function readableCause(cause: string): string {
  try {
    const parsed: unknown = JSON.parse(cause);
    const isWrapped = typeof parsed === 'object' && parsed !== null && 'errorMessage' in parsed;
    return isWrapped ? String(parsed.errorMessage) : cause;
  } catch {
    return cause;
  }
}

/** The whole story in lines: what was asked, how it went, what there is now. */
export function describeRestore(story: RestoreStory): string[] {
  return describe(story, errorLines(story));
}

function describe(story: RestoreStory, errors: readonly string[]): string[] {
  const sections = [
    factLines(story),
    phaseLines(story),
    helperLines(story),
    instanceLines(story),
    volumeLines(story),
    errors,
    leftoverLines(story),
    cleanUpLines(story),
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .flatMap((lines, index) => (index === 0 ? lines : ['', ...lines]));
}

/**
 * For who has followed the restore: the plan's warnings were told when it was made, and what the restore failed with
 * is what the command ends with.
 */
export function describeFollowed(story: RestoreStory): string[] {
  return describe({ ...story, plan: story.plan && { ...story.plan, warnings: [] } }, []);
}

function factLines({ restoreId, attempt, execution, plan, result }: RestoreStory): string[] {
  const startedAt = result?.startedAt ?? plan?.startedAt ?? execution?.startedAt?.toISOString();
  const endedAt = result?.endedAt ?? execution?.endedAt?.toISOString();
  const bytes = plan?.disks.reduce((sum, { size }) => sum + size, 0);
  const facts: [string, string | undefined][] = [
    ['restore', attempt === undefined ? restoreId : `${restoreId}, attempt ${attempt}`],
    ['state', stateOf({ execution, result })],
    ['execution', execution?.arn ?? result?.executionArn],
    ['restore point', plan?.restorePoint ?? result?.restorePoint],
    ['workload', plan && `${plan.workload.name} (${plan.workload.kind}), as of ${plan.restorePointTime}`],
    ['strategy', plan && `${plan.strategy.name}: ${plan.strategy.reason}`],
    ...helperFacts(plan?.strategy),
    ['disks', plan && `${plan.disks.length}, ${formatBytes(bytes ?? 0)}${leftOut(plan)}`],
    ['restored to', plan && placeOf(plan)],
    ['reason', plan?.reason ?? result?.reason],
    ['started', startedAt],
    ['took', startedAt && endedAt && formatDuration(secondsBetween(startedAt, endedAt))],
    ['estimate', plan?.estimate && tellEstimate(plan.estimate)],
    ['bootable', bootableAfter(result)],
  ];
  const lines = facts.flatMap(([name, value]) => (value ? `${name.padEnd(14)} ${value}` : []));
  return [...lines, ...(plan?.warnings ?? []).map((warning) => `warning        ${describeFinding(warning)}`)];
}

/** What of the whole the estimate is about. */
function bootableAfter(result: RestoreResult | undefined): string | undefined {
  const seconds = result?.measured?.bootableSeconds;
  return seconds === undefined ? undefined : `after ${formatDuration(seconds)}`;
}

const leftOut = ({ excludedDisks }: Plan): string =>
  excludedDisks.length === 0 ? '' : `, without ${excludedDisks.join(', ')}, as asked`;

/** Where it is no new instance. */
function placeOf({ target }: Plan): string | undefined {
  switch (target.restoreTo) {
    case 'new':
      return undefined;
    case 'volumes':
      return `volumes alone, "${target.name}" in ${target.availabilityZone}`;
    case 'original':
      return `the instance that was backed up, ${target.instanceId} in ${target.availabilityZone}`;
  }
}

function stateOf({ execution, result }: Pick<RestoreStory, 'execution' | 'result'>): string | undefined {
  if (execution?.status === 'RUNNING') return 'running';
  if (execution?.status === 'ABORTED') return 'cancelled';
  if (execution?.status === 'TIMED_OUT') return 'timed out';
  return result?.outcome ?? (execution?.status === 'SUCCEEDED' ? 'restored' : execution && 'failed');
}

/** The timeline: when each phase began, counted from the first, and how long it took. */
function phaseLines({ result, entries, plan }: Pick<RestoreStory, 'result' | 'entries' | 'plan'>): string[] {
  const phases = result?.phases.length ? result.phases : phasesOf({ entries, plan });
  const [first] = phases;
  if (first === undefined) return [];
  const rows = phases.map((phase) => [
    `+${formatDuration(secondsBetween(first.startedAt, phase.startedAt))}`,
    durationOf(phase),
    phase.phase,
    phase.diskId ?? '',
  ]);
  return renderTable(['AT', 'TOOK', 'PHASE', 'DISK'], rows);
}

const durationOf = ({ startedAt, endedAt }: Phase): string =>
  endedAt === undefined ? 'not ended' : formatDuration(secondsBetween(startedAt, endedAt));

function instanceLines({ result }: Pick<RestoreStory, 'result'>): string[] {
  const instance = result?.instance;
  if (instance === undefined) return [];
  const { instanceId, name, instanceType, availabilityZone, started, startProblem, statusChecks } = instance;
  const checks = statusChecks ? `, status checks ${statusChecks}` : '';
  const state = {
    running: startProblem ? `running, but: ${startProblem}` : `running${checks}`,
    'not-started': `restored, but it did not start: ${startProblem ?? 'no reason given'}`,
    'not-asked': 'stopped, as asked',
  }[started];
  return [`instance ${instanceId} "${name}" (${instanceType}, ${availabilityZone}): ${state}`];
}

function volumeLines({ result }: Pick<RestoreStory, 'result'>): string[] {
  if (!result?.volumes.length) return [];
  const isAlone = result.restoreTo === 'volumes';
  const rows = result.volumes.map(
    ({ diskId, volumeId, deviceName, availabilityZone, sizeGiB, diskBytes }) => [
      diskId,
      volumeId,
      isAlone ? `available in ${availabilityZone}` : deviceName,
      `${sizeGiB} GiB`,
      formatBytes(diskBytes),
    ],
  );
  const notes = result.volumes.flatMap(({ diskId, note }) =>
    note === undefined ? [] : `${diskId}: ${note}`,
  );
  const header = ['DISK', 'VOLUME', isAlone ? 'STATE' : 'DEVICE', 'SIZE', 'DISK SIZE'];
  const replaced = (result.replacedVolumes ?? []).map(
    ({ diskId, volumeId, deviceName }) => `${diskId}: ${volumeId} was ${deviceName} until then, and is kept`,
  );
  return [...renderTable(header, rows), ...notes, ...replaced];
}

function errorLines(story: RestoreStory): string[] {
  const error = errorOf(story);
  return error === undefined ? [] : [`error ${error.name}: ${error.cause.trimEnd()}`];
}

/** What clean-up removed and what it had to leave. */
function leftoverLines({ result }: Pick<RestoreStory, 'result'>): string[] {
  if (result === undefined) return [];
  const removed = result.cleanedUp.map(({ kind, resourceId }) => `removed ${kind} ${resourceId}`);
  const left = result.leftBehind.map(
    ({ kind, resourceId, because }) => `left behind ${kind} ${resourceId ?? '(id not known)'}: ${because}`,
  );
  const failed = result.cleanUpProblem === undefined ? [] : [`clean-up failed: ${result.cleanUpProblem}`];
  return [...removed, ...left, ...failed];
}

/** For an execution that has ended before its clean-up has: whoever stopped the one may have stopped the other. */
function cleanUpLines({ restoreId, claimState, execution, entries, result }: RestoreStory): string[] {
  if (claimState === undefined || claimState === 'closed' || execution?.status === 'RUNNING') return [];
  // A result tells what was left behind.
  const left = result === undefined ? entries.filter(isLeft) : [];
  const names = left.map(({ kind, resourceId }) => `${kind} ${resourceId}`).join(', ');
  return [
    `clean-up not finished${names && `; left: ${names}`}`,
    `If it is not under way any more, "landfall cancel ${restoreId}" starts it again.`,
  ];
}

const isLeft = ({ kind, resourceId, removedAt, handedOverAt, keptBecause }: LedgerEntry): boolean =>
  resourceId !== undefined && !removedAt && !handedOverAt && !keptBecause && !ENDS_WITH_OTHERS.has(kind);

const secondsBetween = (from: string, to: string): number => (Date.parse(to) - Date.parse(from)) / 1000;
