import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  DescribeImagesCommand,
  DescribeImportSnapshotTasksCommand,
  DescribeInstancesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSnapshotsCommand,
  DescribeSubnetsCommand,
  DescribeVolumesCommand,
  EC2Client,
} from '@aws-sdk/client-ec2';
import { ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import {
  DescribeExecutionCommand,
  type DescribeExecutionOutput,
  ListExecutionsCommand,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { parseBytes, parseDiskId, parseWorkloadName, type RestorePointId } from '../../core/model/ids.ts';
import { type SourceVolume, workloadSchema } from '../../core/model/manifest.ts';
import type { RestoreRequestInput } from '../../core/model/request.ts';
import { type RestoreResult, resultSchema } from '../../core/model/restore-record.ts';
import { backUp, createRepository, makeS3Store, type Repository } from '../../core/repository/index.ts';
import { type Region, startRegion } from '../../local/region.ts';

export const MIB = 1024 ** 2;
export const GIB = 1024 ** 3;

/** A disk of a test's machine: its bytes, and what they are called. */
export interface TestDisk {
  readonly id: string;
  readonly boot: boolean;
  readonly bytes: Buffer;
  readonly deviceName?: string;
  /** What its volume was like. */
  readonly volume?: SourceVolume;
}

export interface RestoreBench {
  readonly region: Region;
  readonly ec2: EC2Client;
  readonly s3: S3Client;
  readonly sfn: SFNClient;
  readonly outputs: Readonly<Record<string, string>>;
  readonly repository: Repository;
  readonly repositoryBucket: string;
  readonly subnetId: string;
  backUp(
    disks: readonly TestDisk[],
    workload?: Record<string, unknown>,
    time?: Date,
  ): Promise<RestorePointId>;
  /** Starts a restore and waits for its end. */
  restore(request: RestoreRequestInput | unknown, name?: string): Promise<Ended>;
  start(request: unknown, name?: string): Promise<string>;
  ended(executionArn: string): Promise<Ended>;
  /** Waits until no execution of the clean-up machine is under way, and returns how they all ended. */
  cleanUpsEnded(): Promise<string[]>;
  /** Physical name of a step's function: how the call log and faults know callers. */
  functionOf(step: string): string;
  /** Ids of everything in the account that a restore could make. */
  inventory(): Promise<string[]>;
  /** The file that is the volume. */
  volumeFile(volumeId: string | undefined): Promise<string>;
  stop(): Promise<void>;
}

export interface Ended {
  readonly executionArn: string;
  readonly status: string;
  readonly error?: string;
  readonly cause?: string;
  readonly result?: RestoreResult;
}

const ENDED_DEADLINE_MS = 50_000;

export interface RestoreBenchOptions {
  /** Of every wait of a state machine, in place of its seconds. */
  readonly waitMs?: number;
  /** How long a test waits for an execution to end. */
  readonly endedMs?: number;
}

/** A local region with the real stack in it, and a repository to restore from. */
export async function makeRestoreBench(
  assemblyFolder: string,
  { waitMs = 10, endedMs = ENDED_DEADLINE_MS }: RestoreBenchOptions = {},
): Promise<RestoreBench> {
  const stateFolder = await mkdtemp(join(tmpdir(), 'landfall-restore-'));
  const region = await startRegion({ stateFolder, port: 0, timeScale: 0.0005, waitMs });
  const [stack] = await region.deploy(assemblyFolder);
  if (!stack) throw new Error('the assembly has no stack');
  const config = {
    endpoint: region.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  };
  const ec2 = new EC2Client(config);
  const s3 = new S3Client({ ...config, forcePathStyle: true });
  const sfn = new SFNClient(config);
  const { outputs } = stack;
  const repositoryBucket = new URL(outputs.RepositoryUrl ?? '').hostname;
  const repository = await createRepository(
    makeS3Store({ client: s3, bucket: repositoryBucket, prefix: '' }),
  );
  const { Subnets = [] } = await ec2.send(new DescribeSubnetsCommand({}));
  const subnetId = Subnets.find(({ AvailabilityZone }) => AvailabilityZone === 'us-east-1b')?.SubnetId ?? '';

  const start = async (
    request: unknown,
    name = `restore-${randomBytes(6).toString('hex')}`,
  ): Promise<string> => {
    const { executionArn = '' } = await sfn.send(
      new StartExecutionCommand({
        stateMachineArn: outputs.RestoreStateMachineArn,
        name,
        input: JSON.stringify(request),
      }),
    );
    return executionArn;
  };

  const ended = async (executionArn: string): Promise<Ended> => {
    const deadline = Date.now() + endedMs;
    for (;;) {
      const execution = await sfn.send(new DescribeExecutionCommand({ executionArn }));
      if (execution.status !== 'RUNNING') return readEnd(executionArn, execution);
      if (Date.now() > deadline) throw new Error(`${executionArn} is still running`);
      await sleep(20);
    }
  };

  return {
    region,
    ec2,
    s3,
    sfn,
    outputs,
    repository,
    repositoryBucket,
    subnetId,
    start,
    ended,
    restore: async (request, name) => ended(await start(request, name)),
    backUp: (disks, workload = {}, time = new Date()) => backUpMachine(repository, { disks, workload, time }),
    cleanUpsEnded: async () => {
      const deadline = Date.now() + endedMs;
      for (;;) {
        const { executions = [] } = await sfn.send(
          new ListExecutionsCommand({ stateMachineArn: outputs.CleanUpStateMachineArn }),
        );
        const states = executions.map(({ status }) => String(status));
        if (states.length > 0 && !states.includes('RUNNING')) return states;
        if (Date.now() > deadline) throw new Error(`clean-up is still running: ${states.join(', ')}`);
        await sleep(20);
      }
    },
    functionOf: (step) => {
      const words = step.split('-').map((word) => word.charAt(0).toUpperCase() + word.slice(1));
      const found = stack.resources.find(
        ({ logicalId, type }) =>
          type === 'AWS::Lambda::Function' && logicalId.startsWith(`${words.join('')}Function`),
      );
      if (!found) throw new Error(`the stack has no function of step ${step}`);
      return found.physicalId;
    },
    inventory: () => inventory(ec2, s3),
    volumeFile: async (volumeId = '') => {
      const file = await region.services.ec2.volumeFile(volumeId);
      if (file === undefined) throw new Error(`volume ${volumeId} has no file`);
      return file;
    },
    stop: async () => {
      for (const client of [ec2, s3, sfn]) client.destroy();
      await region.stop();
      await rm(stateFolder, { recursive: true, force: true });
    },
  };
}

function readEnd(executionArn: string, execution: DescribeExecutionOutput): Ended {
  return {
    executionArn,
    status: String(execution.status),
    ...(execution.error === undefined ? {} : { error: execution.error }),
    ...(execution.cause === undefined ? {} : { cause: execution.cause }),
    ...(execution.output === undefined ? {} : { result: resultSchema.parse(JSON.parse(execution.output)) }),
  };
}

async function backUpMachine(
  repository: Repository,
  { disks, workload, time }: { disks: readonly TestDisk[]; workload: Record<string, unknown>; time: Date },
): Promise<RestorePointId> {
  const { restorePoint } = await backUp(repository, {
    workload: workloadSchema.parse({
      name: parseWorkloadName('web01'),
      kind: 'ec2',
      platform: 'linux',
      operatingSystem: 'Debian 12',
      architecture: 'x86_64',
      bootMode: 'uefi-preferred',
      usageOperation: 'RunInstances',
      rootDeviceName: '/dev/xvda',
      ...workload,
    }),
    time,
    segmentBytes: 8 * MIB,
    disks: disks.map(({ id, boot, bytes, deviceName, volume }) => ({
      id: parseDiskId(id),
      boot,
      ...(volume === undefined ? {} : { volume }),
      ...(deviceName === undefined ? {} : { deviceName }),
      source: {
        size: parseBytes(bytes.length),
        read: async (offset: number, length: number) => bytes.subarray(offset, offset + length),
      },
    })),
  });
  return restorePoint;
}

async function inventory(ec2: EC2Client, s3: S3Client): Promise<string[]> {
  const [instances, volumes, snapshots, images, groups, buckets, imports] = await Promise.all([
    ec2.send(new DescribeInstancesCommand({})),
    ec2.send(new DescribeVolumesCommand({})),
    ec2.send(new DescribeSnapshotsCommand({ OwnerIds: ['self'] })),
    ec2.send(new DescribeImagesCommand({ Owners: ['self'] })),
    ec2.send(new DescribeSecurityGroupsCommand({})),
    s3.send(new ListBucketsCommand({})),
    ec2.send(new DescribeImportSnapshotTasksCommand({})),
  ]);
  return [
    ...(instances.Reservations ?? [])
      .flatMap(({ Instances = [] }) => Instances)
      .filter(({ State }) => State?.Name !== 'terminated')
      .map(({ InstanceId }) => InstanceId),
    ...(volumes.Volumes ?? []).map(({ VolumeId }) => VolumeId),
    ...(snapshots.Snapshots ?? []).map(({ SnapshotId }) => SnapshotId),
    ...(images.Images ?? []).map(({ ImageId }) => ImageId),
    ...(groups.SecurityGroups ?? []).map(({ GroupId }) => GroupId),
    ...(buckets.Buckets ?? []).map(({ Name }) => Name),
    // Ended tasks stay listed for days, as on AWS; only a running one is a leftover.
    ...(imports.ImportSnapshotTasks ?? [])
      .filter(({ SnapshotTaskDetail }) => SnapshotTaskDetail?.Status === 'active')
      .map(({ ImportTaskId }) => ImportTaskId),
  ]
    .map(String)
    .sort();
}

/** A disk with data at its start, around every border of blocks and segments, and at its very end; zeros between. */
export function sparseDisk(
  id: string,
  size: number,
  options: { boot?: boolean; deviceName?: string } = {},
): TestDisk {
  const bytes = Buffer.alloc(size);
  const write = (offset: number, length: number): void => {
    const from = Math.max(0, Math.min(offset, size));
    bytes.set(randomBytes(Math.max(0, Math.min(length, size - from))), from);
  };
  write(0, 4_096);
  for (let border = 8 * MIB; border < size; border += 16 * MIB) write(border - 1_000, 3_000);
  write(size - 777, 777);
  return {
    id,
    boot: options.boot ?? false,
    bytes,
    ...(options.deviceName === undefined ? {} : { deviceName: options.deviceName }),
  };
}

const CHUNK_BYTES = 16 * MIB;
const ZEROS = Buffer.alloc(CHUNK_BYTES);

/** Whether a volume's file holds what it must: the disk's bytes, and zeros up to the whole GiB. */
export async function isRestored(volumeFile: string, { bytes }: TestDisk): Promise<boolean> {
  const file = await open(volumeFile);
  try {
    const { size } = await file.stat();
    if (size !== Math.ceil(bytes.length / GIB) * GIB) return false;
    const differs = async (offset: number, length: number, expected: Buffer): Promise<boolean> => {
      const chunk = Buffer.alloc(length);
      const { bytesRead } = await file.read(chunk, 0, length, offset);
      return bytesRead !== length || !chunk.equals(expected);
    };
    for (let offset = 0; offset < bytes.length; offset += CHUNK_BYTES) {
      const expected = bytes.subarray(offset, offset + CHUNK_BYTES);
      if (await differs(offset, expected.length, expected)) return false;
    }
    for (const [from, to] of allocatedRanges(volumeFile, size)) {
      for (let offset = Math.max(from, bytes.length); offset < to; offset += CHUNK_BYTES) {
        const length = Math.min(CHUNK_BYTES, to - offset);
        if (await differs(offset, length, ZEROS.subarray(0, length))) return false;
      }
    }
    return true;
  } finally {
    await file.close();
  }
}

const FRAG_BYTES = 1_024;

/** Where a file has storage at all, by the file system's own word; all of it where filefrag is not there to ask. */
function allocatedRanges(path: string, size: number): [from: number, to: number][] {
  const { status, stdout } = spawnSync('filefrag', ['-v', `-b${FRAG_BYTES}`, path], { encoding: 'utf8' });
  if (status !== 0) return [[0, size]];
  return [...stdout.matchAll(/^\s*\d+:\s+(\d+)\.\.\s*(\d+):/gm)].map(([, first, last]) => [
    Number(first) * FRAG_BYTES,
    Math.min((Number(last) + 1) * FRAG_BYTES, size),
  ]);
}
