import {
  CancelImportTaskCommand,
  DescribeImportSnapshotTasksCommand,
  type ImportSnapshotTask,
  type Tag,
} from '@aws-sdk/client-ec2';
import { TAG } from '../../../core/model/restore-record.ts';
import { awsErrorCode } from '../../runtime/aws-errors.ts';
import { describeImportTask } from '../../runtime/describe.ts';
import { ec2 } from '../../runtime/ec2.ts';
import { adoptSnapshot, snapshotOf } from '../../runtime/import-task.ts';
import type { EntryName, RestoreContext } from '../../runtime/ledger.ts';
import { asked, going, gone, notFound, type Removal, type Removing } from './removal.ts';

/**
 * Ends an import task. One that completed before it could be cancelled has made a snapshot that no step has seen:
 * it is tagged and entered in the ledger here, for the next pass to delete.
 */
export async function removeImportTask(removing: Removing): Promise<Removal> {
  const { context, entry, entries } = removing;
  const task = await find(context, entry.resourceId, entry);
  if (!task?.ImportTaskId) return notFound(removing);
  const snapshotId = snapshotOf(task);
  switch (task.SnapshotTaskDetail?.Status) {
    case 'completed':
      if (entries.some(({ kind, name }) => kind === 'snapshot' && name === entry.name)) return gone;
      if (snapshotId === undefined) return gone;
      await adoptSnapshot(context, { diskId: entry.name, snapshotId, step: 'clean-up' });
      // The new entry is not among this pass's: look again.
      return going;
    case 'deleting':
      return going;
    case 'deleted':
    case 'error':
    case 'cancelled':
      return gone;
    default:
      await cancelImportTask(task.ImportTaskId);
      return asked;
  }
}

/** Of either kind of import. */
export async function cancelImportTask(ImportTaskId: string): Promise<void> {
  try {
    await ec2.send(new CancelImportTaskCommand({ ImportTaskId, CancelReason: 'the restore was cleaned up' }));
  } catch (error) {
    // It completed or ended in between; the next pass sees how.
    if (!/^(IncorrectState|InvalidConversionTaskId|InvalidParameterValue)/.test(awsErrorCode(error) ?? ''))
      throw error;
  }
}

async function find(
  context: RestoreContext,
  taskId: string | undefined,
  entry: EntryName,
): Promise<ImportSnapshotTask | undefined> {
  if (taskId !== undefined) {
    return describeImportTask(taskId);
  }
  // DescribeImportSnapshotTasks documents no tag filter: look through the tasks of the last days.
  let NextToken: string | undefined;
  do {
    const page = await ec2.send(new DescribeImportSnapshotTasksCommand({ MaxResults: 100, NextToken }));
    const found = page.ImportSnapshotTasks?.find(({ Tags }) => isOfEntry(Tags, { context, entry }));
    if (found) return found;
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  return undefined;
}

/** Whether the tags are those of what an entry stands for. */
export function isOfEntry(
  tags: readonly Tag[] = [],
  { context, entry }: { context: RestoreContext; entry: EntryName },
): boolean {
  const has = (key: string, value: string): boolean =>
    tags.some(({ Key, Value }) => Key === key && Value === value);
  return (
    has(TAG.restore, context.restoreId) && has(TAG.entry, `${context.attempt}/${entry.kind}/${entry.name}`)
  );
}
