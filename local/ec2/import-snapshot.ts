import type {
  DescribeImportSnapshotTasksRequest,
  DescribeImportSnapshotTasksResult,
  ImportSnapshotRequest,
  ImportSnapshotResult,
  ImportSnapshotTask,
  SnapshotTaskDetail,
} from '@aws-sdk/client-ec2';
import { AwsError, type Call } from '../service.ts';
import { required } from './errors.ts';
import { describe } from './filters.ts';
import { earlierResult, rememberResult } from './idempotency.ts';
import { makeId } from './ids.ts';
import { checkFormat, checkImportQuota, checkObject, checkRole, parseLocation } from './import-rules.ts';
import { startImport } from './import-run.ts';
import { chooseEncryption, isUsableKey } from './kms.ts';
import { acceptOnly, mutation, type Operations, query } from './operation.ts';
import type { ImportTaskRecord } from './records.ts';
import { nowText, type Simulation } from './simulation.ts';
import { tagList, tagsAtCreation } from './tags.ts';

function detailOutput(task: ImportTaskRecord): SnapshotTaskDetail {
  const { bucket, key } = task;
  return {
    DiskImageSize: task.diskImageBytes ?? 0,
    Format: task.format,
    Status: task.status,
    ...(task.containerDescription ? { Description: task.containerDescription } : {}),
    ...(task.url ? { Url: task.url } : { UserBucket: { S3Bucket: bucket, S3Key: key } }),
    ...(task.encrypted ? { Encrypted: true } : {}),
    ...(task.kmsKeyId ? { KmsKeyId: task.kmsKeyId } : {}),
    ...(task.progress === undefined ? {} : { Progress: String(task.progress) }),
    ...(task.statusMessage ? { StatusMessage: task.statusMessage } : {}),
    ...(task.snapshotId ? { SnapshotId: task.snapshotId } : {}),
  };
}

const taskOutput = (task: ImportTaskRecord): ImportSnapshotTask => ({
  ImportTaskId: task.id,
  SnapshotTaskDetail: detailOutput(task),
  Tags: tagList(task),
  ...(task.description ? { Description: task.description } : {}),
});

function earlierTask(sim: Simulation, input: ImportSnapshotRequest): ImportTaskRecord | undefined {
  const [id] = earlierResult(sim, 'ImportSnapshot', input) ?? [];
  return id === undefined ? undefined : sim.state.importTasks.get(id);
}

async function prepareImport(
  sim: Simulation,
  input: ImportSnapshotRequest,
  call: Call,
): Promise<() => ImportSnapshotResult> {
  const earlier = earlierTask(sim, input);
  if (earlier) return () => taskOutput(earlier);
  const container = required(input.DiskContainer, 'diskContainer');
  acceptOnly(container, ['Description', 'Format', 'Url', 'UserBucket'], 'DiskContainer');
  const format = checkFormat('ImportSnapshot', container.Format);
  const location = parseLocation('ImportSnapshot', container);
  const roleName = checkRole(sim, input.RoleName);
  const encryption = chooseEncryption(sim, input);
  if (encryption.kmsKeyId && !isUsableKey(sim, encryption.kmsKeyId)) {
    throw new AwsError('InvalidParameterValue', 'The specified KMS key is not accessible');
  }
  const tags = tagsAtCreation(input.TagSpecifications, ['import-snapshot-task']);
  await checkObject(sim, location);
  checkImportQuota(sim);
  return () => {
    // The same request may have come in while the object was looked at.
    const meanwhile = earlierTask(sim, input);
    if (meanwhile) return taskOutput(meanwhile);
    const task = sim.state.importTasks.insert({
      ...location,
      ...encryption,
      id: makeId('import-snap'),
      format,
      roleName,
      futureSnapshotId: makeId('snap'),
      startTime: nowText(sim),
      status: 'active',
      statusMessage: 'pending',
      progress: 3,
      tags: tags('import-snapshot-task'),
      ...(input.Description ? { description: input.Description } : {}),
      ...(container.Description ? { containerDescription: container.Description } : {}),
    });
    rememberResult(sim, 'ImportSnapshot', input, [task.id]);
    startImport(sim, task, call.effects);
    return taskOutput(task);
  };
}

export function importSnapshotOperations(sim: Simulation): Operations {
  return {
    ImportSnapshot: mutation<ImportSnapshotRequest, ImportSnapshotResult>(
      sim,
      'ImportSnapshot',
      [
        'ClientData',
        'ClientToken',
        'Description',
        'DiskContainer',
        'Encrypted',
        'KmsKeyId',
        'RoleName',
        'TagSpecifications',
      ],
      (input, call) => prepareImport(sim, input, call),
    ),
    DescribeImportSnapshotTasks: query<DescribeImportSnapshotTasksRequest, DescribeImportSnapshotTasksResult>(
      'DescribeImportSnapshotTasks',
      ['ImportTaskIds', 'Filters', 'MaxResults', 'NextToken'],
      (input) => {
        const { page, ...token } = describe({
          kind: 'importTask',
          items: sim.state.importTasks.all(),
          ids: input.ImportTaskIds,
          request: input,
          filters: { 'task-state': (task) => task.status },
          tagsOf: (task) => task.tags,
          limits: { min: 1, max: 1000 },
        });
        return { ImportSnapshotTasks: page.map(taskOutput), ...token };
      },
    ),
  };
}
