import { DescribeImportImageTasksCommand, type ImportImageTask } from '@aws-sdk/client-ec2';
import { IMPORTED } from '../../../core/model/restore-record.ts';
import { describeImage, describeImportImageTask } from '../../runtime/describe.ts';
import { ec2 } from '../../runtime/ec2.ts';
import { readPlan } from '../../runtime/ledger.ts';
import { adoptImage, snapshotsOf } from '../import-image/adopt.ts';
import { cancelImportTask, isOfEntry } from './import-task.ts';
import { asked, going, gone, notFound, type Removal, type Removing } from './removal.ts';

// An image of a completed import that is still not seen by then was removed by somebody else.
const IMAGE_SEEN_SECONDS = 900;

/**
 * Ends an import as image. One that completed before it could be cancelled has made an image and snapshots that no step
 * has seen: they are tagged and entered in the ledger here, for the next pass to remove.
 */
export async function removeImageImportTask(removing: Removing): Promise<Removal> {
  const task = await find(removing);
  if (!task?.ImportTaskId) return notFound(removing);
  switch (task.Status) {
    case 'completed':
      return adoptOrGone(removing, task);
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

async function adoptOrGone(
  { context, entry, entries, waitedSeconds }: Removing,
  task: ImportImageTask,
): Promise<Removal> {
  // The step that saw it complete wrote this last.
  if (entry.readyAt !== undefined) return gone;
  const image = task.ImageId === undefined ? undefined : await describeImage({ id: task.ImageId });
  const known = entries.some(({ kind, name }) => kind === 'image' && name === IMPORTED);
  if (!image) return known || waitedSeconds >= IMAGE_SEEN_SECONDS ? gone : going;
  const isEntered = snapshotsOf(image).every((snapshotId) =>
    entries.some(({ kind, resourceId }) => kind === 'snapshot' && resourceId === snapshotId),
  );
  if (known && isEntered) return gone;
  await adoptImage(context, { plan: await readPlan(context), task, image, step: 'clean-up' });
  // The new entries are not among this pass's: look again.
  return going;
}

async function find({ context, entry }: Removing): Promise<ImportImageTask | undefined> {
  if (entry.resourceId !== undefined) return describeImportImageTask(entry.resourceId);
  // As with imports of snapshots: no tag filter is documented.
  let NextToken: string | undefined;
  do {
    const page = await ec2.send(new DescribeImportImageTasksCommand({ MaxResults: 100, NextToken }));
    const found = page.ImportImageTasks?.find(({ Tags }) => isOfEntry(Tags, { context, entry }));
    if (found) return found;
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  return undefined;
}
