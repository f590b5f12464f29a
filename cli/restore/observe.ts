import { ListPartsCommand } from '@aws-sdk/client-s3';
import { GetExecutionHistoryCommand } from '@aws-sdk/client-sfn';
import { LandfallError } from '../../core/model/errors.ts';
import type { Plan } from '../../core/model/plan.ts';
import type { LedgerEntry, LedgerKind } from '../../core/model/restore-record.ts';
import type { Connection } from '../connection/connection.ts';
import type { Ec2, ImportTask } from '../connection/ec2.ts';
import { describeExecution, type Execution } from './find-restore.ts';
import { observeDirect, type WrittenDisk } from './observe-direct.ts';
import { makeHelperObserver, type ObservedHelper } from './observe-helper.ts';
import type { Attempt, RestoreRecords } from './records.ts';

/** Step Functions knows no such execution: not yet, for a moment after its start, or no longer. */
export class ExecutionUnknown extends LandfallError {
  override readonly name = 'ExecutionUnknown';
}

/** What is known of a restore at a moment. */
export interface Observation {
  readonly execution: Execution;
  readonly attempt?: Attempt;
  readonly plan?: Plan;
  readonly entries: readonly LedgerEntry[];
  /** Bytes in S3, for disks whose upload is under way. */
  readonly uploadedBytes: ReadonlyMap<string, number>;
  /** How far disks are whose snapshots are being written. */
  readonly written?: ReadonlyMap<string, WrittenDisk>;
  /** What EC2 says of import tasks under way, by their name in the ledger: the disk’s id, or `imported` for all together. */
  readonly imports: ReadonlyMap<string, Omit<ImportTask, 'taskId'>>;
  /** The newest helper appliance, where there is one. */
  readonly helper?: ObservedHelper;
  /** The state that the machine is in. */
  readonly state?: string;
}

export interface ObservedRestore {
  readonly connection: Connection;
  readonly records: RestoreRecords;
  readonly restoreId: string;
  readonly executionArn: string;
}

/**
 * Looks at a restore again and again. Progress comes from the ledger, S3's list of parts, EC2's import tasks, what
 * batches note and the helper's own reports, not from the execution's history: a distributed Map's children have histories of
 * their own. Each look may throw ExecutionUnknown, UnreadableRecord, or an error of AWS.
 */
export function makeRestoreObserver(restore: ObservedRestore): () => Promise<Observation> {
  const { connection, records, restoreId, executionArn } = restore;
  let attempt: Attempt | undefined;
  let plan: Plan | undefined;
  const observeHelper = makeHelperObserver(records);
  return async () => {
    const execution = await describeExecution(connection, executionArn);
    if (execution === undefined)
      throw new ExecutionUnknown(`Step Functions knows no execution ${executionArn}`);
    attempt ??= await claimedAttempt(records, { restoreId, executionArn });
    plan ??= attempt && (await records.plan(attempt));
    const entries = attempt === undefined ? [] : await records.ledger(attempt);
    const underWay = execution.status === 'RUNNING' ? plan : undefined;
    const [uploadedBytes, written, imports, helper, state] = await Promise.all([
      underWay ? listUploads(connection, { plan: underWay, entries }) : new Map(),
      underWay && attempt ? observeDirect(records, { attempt, plan: underWay, entries }) : new Map(),
      underWay ? describeImports(connection, entries) : new Map(),
      underWay && observeHelper({ plan: underWay, entries }),
      execution.status === 'RUNNING' ? latestState(connection, executionArn) : undefined,
    ]);
    return { execution, attempt, plan, entries, uploadedBytes, written, imports, helper, state };
  };
}

async function claimedAttempt(
  records: RestoreRecords,
  { restoreId, executionArn }: { restoreId: string; executionArn: string },
): Promise<Attempt | undefined> {
  const claim = await records.claim(restoreId);
  return claim?.executionArn === executionArn ? { restoreId, attempt: claim.attempt } : undefined;
}

async function listUploads(
  connection: Connection,
  { plan, entries }: { plan: Plan; entries: readonly LedgerEntry[] },
): Promise<Map<string, number>> {
  const open = entries.filter(({ kind, readyAt, removedAt }) => kind === 'upload' && !readyAt && !removedAt);
  const sizes = await Promise.all(
    open.map(async ({ name, resourceId }): Promise<[string, number]> => {
      const disk = plan.disks.find(({ id }) => id === name);
      if (plan.strategy.name !== 'upload' || !disk?.upload || !resourceId) return [name, 0];
      return [
        name,
        await uploadedSize(connection, {
          Bucket: plan.strategy.temporaryBucket,
          Key: disk.upload.objectKey,
          UploadId: resourceId,
        }),
      ];
    }),
  );
  return new Map(sizes);
}

async function uploadedSize(
  { s3 }: Connection,
  where: { Bucket: string; Key: string; UploadId: string },
): Promise<number> {
  let bytes = 0;
  let marker: string | undefined;
  try {
    // Not the SDK's paginator: S3 gives a next marker with the last page too, and it would begin again.
    do {
      const page = await s3.send(new ListPartsCommand({ ...where, PartNumberMarker: marker }));
      for (const { Size = 0 } of page.Parts ?? []) bytes += Size;
      marker = page.IsTruncated ? page.NextPartNumberMarker : undefined;
    } while (marker !== undefined);
    return bytes;
  } catch (error) {
    // Completed (or aborted) since the ledger was read.
    if (error instanceof Error && ['NoSuchUpload', 'NoSuchBucket'].includes(error.name)) return bytes;
    throw error;
  }
}

/** Disk by disk, or of a machine as a whole. */
const IMPORTS: Partial<Record<LedgerKind, (ec2: Ec2, taskIds: string[]) => Promise<ImportTask[]>>> = {
  'import-task': (ec2, taskIds) => ec2.importTasks(taskIds),
  'image-import-task': (ec2, taskIds) => ec2.imageImportTasks(taskIds),
};

async function describeImports(
  connection: Connection,
  entries: readonly LedgerEntry[],
): Promise<Map<string, ImportTask>> {
  const open = entries.filter(
    ({ kind, readyAt, removedAt, resourceId }) => kind in IMPORTS && !readyAt && !removedAt && resourceId,
  );
  if (open.length === 0) return new Map();
  const ec2 = await connection.ec2();
  const tasks = await Promise.all(
    Object.entries(IMPORTS).map(async ([kind, describe]) => {
      const taskIds = open.flatMap((entry) => (entry.kind === kind ? (entry.resourceId ?? []) : []));
      return taskIds.length === 0 ? [] : await describe(ec2, taskIds);
    }),
  );
  return new Map(
    tasks.flat().flatMap((task) => {
      const entry = open.find(({ resourceId }) => resourceId === task.taskId);
      return entry === undefined ? [] : [[entry.name, task]];
    }),
  );
}

async function latestState({ sfn }: Connection, executionArn: string): Promise<string | undefined> {
  const { events = [] } = await sfn.send(
    new GetExecutionHistoryCommand({
      executionArn,
      reverseOrder: true,
      maxResults: 50,
      includeExecutionData: false,
    }),
  );
  return events.find(({ stateEnteredEventDetails }) => stateEnteredEventDetails)?.stateEnteredEventDetails
    ?.name;
}
