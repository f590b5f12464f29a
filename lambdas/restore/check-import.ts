import { z } from 'zod';
import { describeImportTask } from '../runtime/describe.ts';
import { adoptSnapshot, snapshotOf } from '../runtime/import-task.ts';
import { markReady, restoreContextSchema } from '../runtime/ledger.ts';
import { nextPoll, pollSchema, unseen } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';

const inputSchema = restoreContextSchema.extend({
  diskId: z.string(),
  taskId: z.string().min(1),
  poll: pollSchema,
});

/**
 * Looks at an import task; when it is completed, its snapshot becomes ours. The message is AWS's own text, for
 * people; nothing is decided by it.
 */
export const handler = makeStep(inputSchema, async ({ diskId, taskId, poll, ...context }) => {
  const task = await describeImportTask(taskId);
  const detail = task?.SnapshotTaskDetail;
  const status = detail?.Status ?? unseen(poll);
  const message = `import task ${taskId} of disk ${diskId} is ${status}: ${detail?.StatusMessage ?? 'no message'}`;
  const snapshotId = snapshotOf(task);
  if (status === 'completed' && snapshotId !== undefined) {
    await adoptSnapshot(context, { diskId, snapshotId, step: 'check-import' });
    await markReady(context, { kind: 'import-task', name: diskId });
  }
  return { status, message, taskId, poll: nextPoll(poll) };
});
