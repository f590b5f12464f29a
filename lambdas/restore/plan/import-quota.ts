import { DescribeImportImageTasksCommand, DescribeImportSnapshotTasksCommand } from '@aws-sdk/client-ec2';
import { ec2 } from '../../runtime/ec2.ts';
import { askQuota } from '../../runtime/service-quotas.ts';
import type { Findings } from './findings.ts';

/** "Concurrent task limit for ImportImage, ImportSnapshot, and ExportImage". */
const QUOTA = { service: 'vmimportexport', code: 'L-66ABAAD5' } as const;

/** Looks whether imports would have to wait for others: the restore does that by itself, for a day at most. */
export async function checkImportTasks(needed: number, findings: Findings): Promise<void> {
  if (needed === 0) return;
  const quota = await askQuota(QUOTA);
  if (quota.kind === 'unknown') {
    findings.notKnown(`whether ${needed} imports have to wait for others (quota ${QUOTA.code})`, quota.why);
    return;
  }
  const active = await activeImports();
  if (active === 0 || active + needed <= quota.value) return;
  findings.warning(
    'strategy',
    `${needed} imports`,
    `the account may run ${quota.value} at once (quota ${QUOTA.code}), and ${active} are under way: the restore waits for room`,
    'Wait until they are done, have the quota raised, or use a strategy without imports',
  );
}

async function activeImports(): Promise<number> {
  const [snapshots, images] = await Promise.all([
    ec2.send(new DescribeImportSnapshotTasksCommand({ MaxResults: 1_000 })),
    ec2.send(new DescribeImportImageTasksCommand({ Filters: [{ Name: 'task-state', Values: ['active'] }] })),
  ]);
  const active = (snapshots.ImportSnapshotTasks ?? []).filter(
    ({ SnapshotTaskDetail }) => SnapshotTaskDetail?.Status === 'active',
  );
  return active.length + (images.ImportImageTasks ?? []).length;
}
