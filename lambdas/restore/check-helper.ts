import { setTimeout as sleep } from 'node:timers/promises';
import { LandfallError } from '../../core/model/errors.ts';
import {
  type HelperReport,
  helperReportSchema,
  MISSED_HEARTBEATS,
  reportKey,
} from '../../core/model/helper.ts';
import type { Plan } from '../../core/model/plan.ts';
import { consoleOutput } from '../runtime/console-output.ts';
import { readRecord, type StoredRecord } from '../runtime/control-bucket.ts';
import { describeInstance } from '../runtime/describe.ts';
import { markReady, type RestoreContext, readEntry, readPlan } from '../runtime/ledger.ts';
import { nextShare, type Poll, pollSchema, unseen, withReason } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';
import { folderOf, helperContextSchema } from './helper/planned.ts';

/** What the helper itself failed with, under the name that it gave. */
export class FailedInHelper extends LandfallError {
  override readonly name: string;

  constructor(instanceId: string, { name, message, diskId }: NonNullable<HelperReport['error']>) {
    super(`helper ${instanceId}${diskId === undefined ? '' : `, disk ${diskId}`}: ${message}`);
    this.name = name;
  }
}

/** The helper says that it is done, and its report does not say so of every disk. */
export class ReportIncomplete extends LandfallError {
  override readonly name = 'ReportIncomplete';
}

const inputSchema = helperContextSchema.extend({ poll: pollSchema });

// Launching takes a minute or two, the bundle seconds; what has not reported by then will not.
const FIRST_REPORT_SECONDS = 900;
// Waited seconds may be scaled in a local region, where the program starts in real time all the same.
const FIRST_REPORT_REAL_MS = 20_000;

// A state holds 256 KiB, and a person reads the last lines.
const CONSOLE_CHARACTERS = 4_000;

// Well within the time that this function has; and no less than one report may take the helper, however fast it beats.
const SECOND_LOOK_HEARTBEATS = 2;
const SECOND_LOOK_LEAST_SECONDS = 5;

// What the helper says of a device is trouble of its host, or of the way to the volume: another helper may not have it.
const HOST_FAILURES = new Set(['DeviceNotFound', 'DeviceFailed']);

const LOST = new Set(['shutting-down', 'terminated', 'stopping', 'stopped', 'missing']);

/**
 * Looks at the helper's report and at its instance. Statuses: `starting` until the first report; what the report says
 * (`ready`, `working`, `done`); `silent` when heartbeats are overdue; `lost` when EC2 has no running instance any more.
 * @throws FailedInHelper, ReportIncomplete
 */
export const handler = makeStep(inputSchema, async ({ instance, instanceId, poll, ...context }) => {
  const plan = await readPlan(context);
  const stored = await newestReport(reportKey(folderOf(plan, instanceId)));
  const report = stored?.value;
  const next = { instance, instanceId, poll: nextShare(poll) };
  if (report?.state === 'failed' && report.error) {
    const failure = new FailedInHelper(instanceId, report.error);
    if (!HOST_FAILURES.has(failure.name)) throw failure;
    return { status: 'lost', message: `${failure.message} (${failure.name})`, ...next };
  }
  if (report?.state === 'done') {
    // What is flushed and read back stays so, whatever becomes of the helper now.
    requireAllDone(plan, instanceId, report);
    await markReady(context, { kind: 'order', name: instance });
    return { status: 'done', message: `helper ${instanceId} is done`, ...next };
  }
  const found = await describeInstance({ id: instanceId });
  const state = found?.State?.Name ?? unseen(poll);
  // EC2 may not know for a moment what it knew before; one that is heard of is there.
  const isHeardOf = state === 'missing' && stored !== undefined && !isOverdue(stored);
  if (LOST.has(state) && !isHeardOf) {
    const message = withReason(`helper ${instanceId} is ${state}`, found?.StateReason?.Message);
    return { status: 'lost', message: report ? message : await withConsole(message, instanceId), ...next };
  }
  if (!stored) {
    const isLate = await isReportLate({ context, instance, poll });
    const message = `helper ${instanceId} has not reported yet; does its subnet have a route to S3?`;
    if (!isLate) return { status: 'starting', message, ...next };
    return { status: 'silent', message: await withConsole(message, instanceId), ...next };
  }
  const message = `helper ${instanceId} is ${stored.value.state}, last heard of ${Math.round(silentSeconds(stored))} seconds ago`;
  return { status: isOverdue(stored) ? 'silent' : stored.value.state, message, ...next };
});

type StoredReport = StoredRecord<HelperReport>;

const silentSeconds = ({ modifiedAt }: StoredReport): number => (Date.now() - modifiedAt.getTime()) / 1000;

const isOverdue = (stored: StoredReport): boolean =>
  silentSeconds(stored) > MISSED_HEARTBEATS * stored.value.heartbeatSeconds;

/** The helper's report. One that is overdue is looked at again: whatever held everything up may end with this look. */
async function newestReport(key: string): Promise<StoredReport | undefined> {
  const stored = await readRecord(key, helperReportSchema);
  if (!stored || stored.value.state === 'done' || !isOverdue(stored)) return stored;
  const pauseSeconds = Math.max(
    SECOND_LOOK_HEARTBEATS * stored.value.heartbeatSeconds,
    SECOND_LOOK_LEAST_SECONDS,
  );
  await sleep(pauseSeconds * 1000);
  return readRecord(key, helperReportSchema);
}

function requireAllDone({ disks }: Plan, instanceId: string, report: HelperReport): void {
  const undone = disks.filter(({ id, size }) => {
    const told = report.disks.find((disk) => disk.id === id);
    return told?.state !== 'done' || told.doneBytes !== size || told.diskDigest === undefined;
  });
  if (undone.length === 0) return;
  const ids = undone.map(({ id }) => id).join(', ');
  throw new ReportIncomplete(`helper ${instanceId} is done, but not with ${ids}`);
}

/** Whether a helper that has not reported yet should have. */
async function isReportLate({
  context,
  instance,
  poll,
}: {
  context: RestoreContext;
  instance: string;
  poll: Poll;
}): Promise<boolean> {
  if (poll.waitedSeconds < FIRST_REPORT_SECONDS) return false;
  const launch = await readEntry(context, { kind: 'instance', name: instance });
  return Date.now() - Date.parse(launch?.createdAt ?? '1970-01-01') >= FIRST_REPORT_REAL_MS;
}

/** With what the instance's console says in the end: the only word there is of one that never reported. */
async function withConsole(message: string, instanceId: string): Promise<string> {
  const told = await consoleOutput(instanceId, CONSOLE_CHARACTERS);
  return told === undefined
    ? message
    : `${message.replace(/[.?]?$/, (end) => end || '.')} Its console ends: ${told}`;
}
