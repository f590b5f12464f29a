import { DescribeImportSnapshotTasksCommand, type ImportSnapshotTask } from '@aws-sdk/client-ec2';
import { NotVisible, nameAwsError } from './aws-errors.ts';
import { ec2 } from './ec2.ts';

/** An import task, or undefined where EC2 does not know it (yet). */
export async function describeImportTask(taskId: string): Promise<ImportSnapshotTask | undefined> {
  try {
    const { ImportSnapshotTasks = [] } = await ec2.send(
      new DescribeImportSnapshotTasksCommand({ ImportTaskIds: [taskId] }),
    );
    return ImportSnapshotTasks[0];
  } catch (error) {
    if (nameAwsError(error) instanceof NotVisible) return undefined;
    throw error;
  }
}
