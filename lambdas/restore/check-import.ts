import { CreateTagsCommand } from '@aws-sdk/client-ec2';
import { z } from 'zod';
import { ec2 } from '../runtime/ec2.ts';
import { describeImportTask } from '../runtime/import-task.ts';
import { makeTagged, markReady, restoreContextSchema } from '../runtime/ledger.ts';
import { nextPoll, pollSchema, unseen } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';

const inputSchema = restoreContextSchema.extend({
  diskId: z.string(),
  taskId: z.string().min(1),
  poll: pollSchema,
});

/**
 * Looks at an import task. When it is completed, its snapshot enters the ledger and is tagged: ImportSnapshot tags
 * the task only. The message is AWS's own text, for people; nothing is decided by it.
 */
export const handler = makeStep(inputSchema, async ({ diskId, taskId, poll, ...context }) => {
  const detail = (await describeImportTask(taskId))?.SnapshotTaskDetail;
  const status = detail?.Status ?? unseen(poll);
  const message = `import task ${taskId} of disk ${diskId} is ${status}: ${detail?.StatusMessage ?? 'no message'}`;
  // An empty id is what a task without a snapshot may show.
  const snapshotId = detail?.SnapshotId || undefined;
  if (status === 'completed' && snapshotId !== undefined) {
    await makeTagged(
      context,
      { kind: 'snapshot', name: diskId },
      {
        resourceId: snapshotId,
        step: 'check-import',
        tag: async (Tags) => {
          await ec2.send(new CreateTagsCommand({ Resources: [snapshotId], Tags }));
        },
      },
    );
    await markReady(context, { kind: 'import-task', name: diskId });
    return { status, message, taskId, snapshotId, poll: nextPoll(poll) };
  }
  return { status, message, taskId, poll: nextPoll(poll) };
});
