import type {
  DescribeImportImageTasksRequest,
  DescribeImportImageTasksResult,
  ImportImageRequest,
  ImportImageResult,
  ImportImageTask,
  SnapshotDetail,
} from '@aws-sdk/client-ec2';
import type { Call } from '../service.ts';
import { describe } from './filters.ts';
import { earlierResult, rememberResult } from './idempotency.ts';
import { makeId } from './ids.ts';
import type { ImageImportRecord, ImportedDiskRecord } from './import-image-record.ts';
import { parseImportImage } from './import-image-request.ts';
import { startImageImport } from './import-image-run.ts';
import { checkImportQuota } from './import-rules.ts';
import { mutation, type Operations, query } from './operation.ts';
import { nowText, type Simulation } from './simulation.ts';
import { tagList } from './tags.ts';

/** What a task says of a disk grows with its steps: size, state, device name, and its snapshot last. */
function detailOutput(sim: Simulation, task: ImageImportRecord, disk: ImportedDiskRecord): SnapshotDetail {
  const { source } = disk;
  const copied = disk.fullBytes === undefined ? 'active' : 'completed';
  return {
    DiskImageSize: disk.sizeBytes ?? 0,
    ...(disk.description ? { Description: disk.description } : {}),
    ...(source.kind === 'object' ? { Format: source.format } : {}),
    ...(source.kind === 'object' && source.url ? { Url: source.url } : {}),
    ...(source.kind === 'object' && !source.url
      ? { UserBucket: { S3Bucket: source.bucket, S3Key: source.key } }
      : {}),
    ...(disk.sizeBytes === undefined ? {} : { Status: copied }),
    ...(task.guest ? { DeviceName: disk.deviceName } : {}),
    ...(sim.state.snapshots.get(disk.futureSnapshotId) ? { SnapshotId: disk.futureSnapshotId } : {}),
  };
}

/** Sizes are known once the conversion begins; until then a task tells of no disk. */
const shownDisks = (task: ImageImportRecord): ImportedDiskRecord[] =>
  task.disks.filter((disk) => disk.sizeBytes !== undefined);

function taskOutput(
  sim: Simulation,
  task: ImageImportRecord,
  disks: readonly ImportedDiskRecord[],
): ImportImageTask {
  const { guest } = task;
  const architecture = task.architecture ?? (guest ? 'x86_64' : undefined);
  const platform = task.platform ?? guest?.platform;
  const licenseType = task.licenseType ?? guest?.licenseType;
  return {
    ImportTaskId: task.id,
    Status: task.status,
    SnapshotDetails: disks.map((disk) => detailOutput(sim, task, disk)),
    Tags: tagList(task),
    ...(task.description ? { Description: task.description } : {}),
    ...(architecture ? { Architecture: architecture } : {}),
    ...(platform ? { Platform: platform } : {}),
    ...(licenseType && !task.usageOperation ? { LicenseType: licenseType } : {}),
    ...(task.usageOperation ? { UsageOperation: task.usageOperation } : {}),
    ...(task.bootMode ? { BootMode: task.bootMode } : {}),
    ...(task.hypervisor ? { Hypervisor: task.hypervisor } : {}),
    ...(task.encrypted ? { Encrypted: true } : {}),
    ...(task.kmsKeyId ? { KmsKeyId: task.kmsKeyId } : {}),
    ...(task.progress === undefined ? {} : { Progress: String(task.progress) }),
    ...(task.statusMessage ? { StatusMessage: task.statusMessage } : {}),
    ...(task.imageId ? { ImageId: task.imageId } : {}),
  };
}

/** The answer to the request itself names its disks, and has no boot mode. */
function answer(sim: Simulation, task: ImageImportRecord): ImportImageResult {
  const { BootMode: _, ...output } = taskOutput(sim, task, task.disks);
  return output;
}

function earlierTask(sim: Simulation, input: ImportImageRequest): ImageImportRecord | undefined {
  const [id] = earlierResult(sim, 'ImportImage', input) ?? [];
  return id === undefined ? undefined : sim.state.imageImports.get(id);
}

async function prepare(
  sim: Simulation,
  input: ImportImageRequest,
  call: Call,
): Promise<() => ImportImageResult> {
  const earlier = earlierTask(sim, input);
  if (earlier) return () => answer(sim, earlier);
  const planned = await parseImportImage(sim, input);
  checkImportQuota(sim);
  return () => {
    // The same request may have come in while the objects were looked at.
    const meanwhile = earlierTask(sim, input);
    if (meanwhile) return answer(sim, meanwhile);
    const task = sim.state.imageImports.insert({
      ...planned,
      id: makeId('import-ami'),
      startTime: nowText(sim),
      status: 'active',
      stage: 'pending',
    });
    rememberResult(sim, 'ImportImage', input, [task.id]);
    startImageImport(sim, task, call.effects);
    return answer(sim, task);
  };
}

export function importImageOperations(sim: Simulation): Operations {
  return {
    ImportImage: mutation<ImportImageRequest, ImportImageResult>(
      sim,
      'ImportImage',
      [
        'Architecture',
        'BootMode',
        'ClientData',
        'ClientToken',
        'Description',
        'DiskContainers',
        'Encrypted',
        'Hypervisor',
        'KmsKeyId',
        'LicenseType',
        'Platform',
        'RoleName',
        'TagSpecifications',
        'UsageOperation',
      ],
      (input, call) => prepare(sim, input, call),
    ),
    DescribeImportImageTasks: query<DescribeImportImageTasksRequest, DescribeImportImageTasksResult>(
      'DescribeImportImageTasks',
      ['ImportTaskIds', 'Filters', 'MaxResults', 'NextToken'],
      (input) => {
        const { page, ...token } = describe({
          kind: 'imageImport',
          items: sim.state.imageImports.all(),
          ids: input.ImportTaskIds,
          request: input,
          filters: { 'task-state': (task) => task.status },
          tagsOf: (task) => task.tags,
          limits: { min: 1, max: 1000 },
        });
        const tasks = page.map((task) => taskOutput(sim, task, shownDisks(task)));
        return { ImportImageTasks: tasks, ...token };
      },
    ),
  };
}
