import type { ImportImageTask } from '@aws-sdk/client-ec2';
import { z } from 'zod';
import { IMPORTED } from '../../core/model/restore-record.ts';
import { NotVisible } from '../runtime/aws-errors.ts';
import { describeImage, describeImportImageTask } from '../runtime/describe.ts';
import { markReady, type RestoreContext, readPlan, restoreContextSchema } from '../runtime/ledger.ts';
import { nextShare, pollSchema, unseen } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';
import { adoptImage, requireAsPlanned } from './import-image/adopt.ts';
import { withAdvice } from './import-image/failures.ts';

const inputSchema = restoreContextSchema.extend({ taskId: z.string().min(1), poll: pollSchema });

/**
 * Looks at the import as image; when it is completed and the image available, image and snapshots become ours. The
 * message is AWS's own text, with advice where it failed; nothing is decided by it.
 * @throws ImportedImageUnexpected
 */
export const handler = makeStep(inputSchema, async ({ taskId, poll, ...context }) => {
  const task = await describeImportImageTask(taskId);
  const told = task?.Status ?? unseen(poll);
  const isAdopted = task !== undefined && told === 'completed' && (await adopted(context, task));
  // The task may be completed before the image can be launched.
  const status = told === 'completed' && !isAdopted ? 'updating' : told;
  const message = `import ${taskId} is ${status}: ${task?.StatusMessage ?? 'no message'}`;
  return {
    status,
    message: hasFailed(status) ? withAdvice(message) : message,
    taskId,
    poll: nextShare(poll),
  };
});

const hasFailed = (status: string): boolean => ['deleting', 'deleted', 'error', 'cancelled'].includes(status);

/** Whether the image is there to be launched; from then on it is ours. */
async function adopted(context: RestoreContext, task: ImportImageTask): Promise<boolean> {
  const image = task.ImageId === undefined ? undefined : await describeImage({ id: task.ImageId });
  if (!image) throw new NotVisible(`image ${task.ImageId} of import ${task.ImportTaskId} is not visible yet`);
  if (image.State === 'pending' || image.State === 'transient') return false;
  const imported = { plan: await readPlan(context), task, image };
  await adoptImage(context, { ...imported, step: 'check-import-image' });
  requireAsPlanned(imported);
  await markReady(context, { kind: 'image-import-task', name: IMPORTED });
  return true;
}
