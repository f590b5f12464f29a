import {
  DescribeImportImageTasksCommand,
  DescribeImportSnapshotTasksCommand,
  DescribeSubnetsCommand,
  EC2Client,
} from '@aws-sdk/client-ec2';
import type { ClientConfig } from './client-config.ts';

/** What EC2 says of an import task under way. */
export interface ImportTask {
  readonly taskId: string;
  /** 0 to 100, as far as EC2 tells. */
  readonly percent?: number;
  readonly message?: string;
}

/** The few questions that the command line has for EC2. */
export interface Ec2 {
  importTasks(taskIds: readonly string[]): Promise<ImportTask[]>;
  imageImportTasks(taskIds: readonly string[]): Promise<ImportTask[]>;
  /** Ids of the default subnets, by zone. */
  defaultSubnets(): Promise<string[]>;
  close(): void;
}

export function makeEc2(config: ClientConfig): Ec2 {
  const client = new EC2Client({ ...config });
  return {
    async importTasks(taskIds) {
      const { ImportSnapshotTasks = [] } = await client.send(
        new DescribeImportSnapshotTasksCommand({ ImportTaskIds: [...taskIds] }),
      );
      return ImportSnapshotTasks.map(({ ImportTaskId = '', SnapshotTaskDetail }) => ({
        taskId: ImportTaskId,
        percent: parsePercent(SnapshotTaskDetail?.Progress),
        message: SnapshotTaskDetail?.StatusMessage,
      }));
    },
    async imageImportTasks(taskIds) {
      const { ImportImageTasks = [] } = await client.send(
        new DescribeImportImageTasksCommand({ ImportTaskIds: [...taskIds] }),
      );
      return ImportImageTasks.map(({ ImportTaskId = '', Progress, StatusMessage }) => ({
        taskId: ImportTaskId,
        percent: parsePercent(Progress),
        message: StatusMessage,
      }));
    },
    async defaultSubnets() {
      const { Subnets = [] } = await client.send(
        new DescribeSubnetsCommand({ Filters: [{ Name: 'default-for-az', Values: ['true'] }] }),
      );
      Subnets.sort((a, b) => (a.AvailabilityZone ?? '').localeCompare(b.AvailabilityZone ?? ''));
      return Subnets.flatMap(({ SubnetId }) => SubnetId ?? []);
    },
    close: () => client.destroy(),
  };
}

function parsePercent(progress: string | undefined): number | undefined {
  const percent = Number(progress ?? Number.NaN);
  return Number.isFinite(percent) ? percent : undefined;
}
