import type {
  CancelImportTaskRequest,
  CancelImportTaskResult,
  DescribeImportSnapshotTasksRequest,
  DescribeImportSnapshotTasksResult,
  ImportSnapshotRequest,
  ImportSnapshotResult,
  ImportSnapshotTask,
  SnapshotDiskContainer,
  SnapshotTaskDetail,
} from '@aws-sdk/client-ec2';
import { AwsError, type Call } from '../service.ts';
import { invalidCombination, invalidParameter, notSimulated, required } from './errors.ts';
import { describe } from './filters.ts';
import { earlierResult, rememberResult } from './idempotency.ts';
import { makeId } from './ids.ts';
import { startCancellation, startImport } from './import-run.ts';
import { chooseEncryption, isUsableKey } from './kms.ts';
import { acceptOnly, mutation, type Operations, query } from './operation.ts';
import type { ImportTaskRecord } from './records.ts';
import { need, nowText, type Simulation } from './simulation.ts';
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

interface Location {
  readonly bucket: string;
  readonly key: string;
  readonly url?: string;
}

/** Where the image lies: a bucket and key, or `s3://bucket/key`. @throws InvalidParameter, UnsupportedOperation */
function parseLocation(container: SnapshotDiskContainer): Location {
  if (container.Url && container.UserBucket) {
    throw invalidCombination('Only one of url and userBucket may be given');
  }
  if (container.UserBucket) {
    return {
      bucket: required(container.UserBucket.S3Bucket, 's3Bucket'),
      key: required(container.UserBucket.S3Key, 's3Key'),
    };
  }
  const url = required(container.Url, 'url or userBucket');
  const match = /^s3:\/\/([^/]+)\/(.+)$/.exec(url);
  if (!match?.[1] || !match[2]) throw notSimulated(`ImportSnapshot from the URL ${url}`);
  return { bucket: match[1], key: match[2], url };
}

/** @throws InvalidParameter when VM Import could not assume the role */
function checkRole(sim: Simulation, roleName: string | undefined): string {
  const name = roleName ?? 'vmimport';
  // Without IAM to ask, a role that is named is taken to exist; nobody has made the default one.
  const exists = sim.identities ? sim.identities.findRole(name) !== undefined : roleName !== undefined;
  if (!exists) {
    throw invalidParameter(
      `The service role ${name} does not exist or does not have sufficient permissions for the service to continue`,
    );
  }
  return name;
}

async function checkObject(sim: Simulation, { bucket, key }: Location): Promise<void> {
  if (!(await sim.objects.bucketExists(bucket))) {
    throw invalidParameter(`Invalid S3 source location: the bucket ${bucket} does not exist`);
  }
  const object = await sim.objects.open(bucket, key);
  if (!object) throw invalidParameter(`Invalid S3 source location: there is no object ${key} in ${bucket}`);
  await object.close();
  if (object.size === 0) throw invalidParameter('Parameter disk-image-size=0 has an invalid format.');
}

function checkQuota(sim: Simulation): void {
  const limit = sim.quotas.importTasks;
  if (limit === undefined) return;
  const active = sim.state.importTasks.all().filter((task) => task.status === 'active').length;
  if (active >= limit) {
    throw new AwsError('ResourceCountLimitExceeded', `The limit of ${limit} active import tasks is reached`);
  }
}

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
  const format = required(container.Format, 'format').toUpperCase();
  if (format !== 'RAW') throw notSimulated(`ImportSnapshot of the format ${format} (RAW is)`);
  const location = parseLocation(container);
  const roleName = checkRole(sim, input.RoleName);
  const encryption = chooseEncryption(sim, input);
  if (encryption.kmsKeyId && !isUsableKey(sim, encryption.kmsKeyId)) {
    throw new AwsError('InvalidParameterValue', 'The specified KMS key is not accessible');
  }
  const tags = tagsAtCreation(input.TagSpecifications, ['import-snapshot-task']);
  await checkObject(sim, location);
  checkQuota(sim);
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

function prepareCancellation(sim: Simulation, input: CancelImportTaskRequest): () => CancelImportTaskResult {
  const task = need(sim, 'importTask', required(input.ImportTaskId, 'importTaskId'));
  if (task.status !== 'active') {
    throw new AwsError(
      'IncorrectState',
      `The import task ${task.id} is in state '${task.status}' and cannot be cancelled`,
    );
  }
  return () => {
    const previous = task.status;
    startCancellation(sim, task, input.CancelReason);
    return { ImportTaskId: task.id, PreviousState: previous, State: task.status };
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
    CancelImportTask: mutation<CancelImportTaskRequest, CancelImportTaskResult>(
      sim,
      'CancelImportTask',
      ['ImportTaskId', 'CancelReason'],
      (input) => prepareCancellation(sim, input),
    ),
  };
}
