import { CreateTagsCommand, type ImportSnapshotTask } from '@aws-sdk/client-ec2';
import { ec2 } from './ec2.ts';
import { makeTagged, type RestoreContext } from './ledger.ts';

/** The snapshot of a task; an empty id is what a task without one may show. */
export const snapshotOf = (task: ImportSnapshotTask | undefined): string | undefined =>
  task?.SnapshotTaskDetail?.SnapshotId || undefined;

/** Enters the snapshot of an import in the ledger, and tags it: ImportSnapshot tags the task only. */
export async function adoptSnapshot(
  context: RestoreContext,
  { diskId, snapshotId, step }: { diskId: string; snapshotId: string; step: string },
): Promise<void> {
  await makeTagged(
    context,
    { kind: 'snapshot', name: diskId },
    {
      resourceId: snapshotId,
      diskId,
      step,
      tag: async (Tags) => {
        await ec2.send(new CreateTagsCommand({ Resources: [snapshotId], Tags }));
      },
    },
  );
}
