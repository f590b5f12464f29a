import { execFile } from 'node:child_process';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { EC2, waitUntilInstanceRunning, waitUntilVolumeAvailable } from '@aws-sdk/client-ec2';
import { S3 } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Region, startRegion } from '../../local/region.ts';

/** EC2 through the region's server: with the SDK, and with the AWS CLI where it is installed. */

const run = promisify(execFile);
const CREDENTIALS = { accessKeyId: 'local', secretAccessKey: 'local' };

let folder: string;
let region: Region;
let ec2: EC2;
let s3: S3;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'landfall-ec2-wire-'));
  region = await startRegion({ stateFolder: folder, port: 0, timeScale: 0.01 });
  const client = { endpoint: region.endpoint, region: 'us-east-1', credentials: CREDENTIALS };
  ec2 = new EC2({ ...client, maxAttempts: 1 });
  s3 = new S3({ ...client, forcePathStyle: true });
  await region.services.iam.putRole({
    name: 'vmie',
    arn: 'arn:aws:iam::123456789012:role/vmie',
    trustPolicy: {},
    managedPolicyArns: [],
    inlinePolicies: {},
    maxSessionSeconds: 3600,
  });
});
afterAll(async () => {
  await region?.stop();
  await rm(folder, { recursive: true, force: true });
});

const WAIT = { maxWaitTime: 30, minDelay: 0.05, maxDelay: 0.2 };

async function importBytes(key: string, bytes: Uint8Array): Promise<string> {
  await s3.createBucket({ Bucket: 'wire-images' }).catch(() => {});
  await s3.putObject({ Bucket: 'wire-images', Key: key, Body: bytes });
  const { ImportTaskId = '' } = await ec2.importSnapshot({
    RoleName: 'vmie',
    DiskContainer: { Format: 'RAW', UserBucket: { S3Bucket: 'wire-images', S3Key: key } },
  });
  let snapshotId: string | undefined;
  await expect
    .poll(
      async () => {
        const { ImportSnapshotTasks } = await ec2.describeImportSnapshotTasks({
          ImportTaskIds: [ImportTaskId],
        });
        const detail = ImportSnapshotTasks?.[0]?.SnapshotTaskDetail;
        snapshotId = detail?.SnapshotId;
        return detail?.Status;
      },
      { timeout: 20_000 },
    )
    .toBe('completed');
  return snapshotId ?? '';
}

describe('the SDK', () => {
  it('imports an object from S3, makes a volume of it and attaches it to an instance', async () => {
    const bytes = Buffer.concat([Buffer.from('wire test disk'), Buffer.alloc(600_000), Buffer.from('end')]);
    const SnapshotId = await importBytes('disk.raw', bytes);
    const { VolumeId = '' } = await ec2.createVolume({
      AvailabilityZone: 'us-east-1a',
      SnapshotId,
      VolumeType: 'gp3',
      TagSpecifications: [{ ResourceType: 'volume', Tags: [{ Key: 'Name', Value: 'a & <b> "ü"' }] }],
    });
    await waitUntilVolumeAvailable({ client: ec2, ...WAIT }, { VolumeIds: [VolumeId] });
    const file = await open(region.services.ec2.volumeFile(VolumeId) ?? '');
    const { buffer } = await file.read(Buffer.alloc(bytes.length + 10), 0, bytes.length + 10, 0);
    await file.close();
    expect(buffer.subarray(0, bytes.length).equals(bytes)).toBe(true);
    expect(buffer.subarray(bytes.length).every((byte) => byte === 0)).toBe(true);

    const { Instances } = await ec2.runInstances({
      ImageId: 'ami-0a11d00000b024040',
      InstanceType: 't3.small',
      MinCount: 1,
      MaxCount: 1,
      SubnetId: 'subnet-0a11d0000000000a1',
    });
    const InstanceId = Instances?.[0]?.InstanceId ?? '';
    await waitUntilInstanceRunning({ client: ec2, ...WAIT }, { InstanceIds: [InstanceId] });
    await ec2.attachVolume({ VolumeId, InstanceId, Device: '/dev/sdf' });
    await expect
      .poll(
        async () =>
          (await ec2.describeVolumes({ VolumeIds: [VolumeId] })).Volumes?.[0]?.Attachments?.[0]?.State,
      )
      .toBe('attached');
    const { Volumes } = await ec2.describeVolumes({ Filters: [{ Name: 'tag:Name', Values: ['a & <b>*'] }] });
    expect(Volumes).toMatchObject([
      { VolumeId, Size: 1, Throughput: 125, Encrypted: false, Tags: [{ Key: 'Name', Value: 'a & <b> "ü"' }] },
    ]);
    expect(Volumes?.[0]?.CreateTime).toBeInstanceOf(Date);
    const { Reservations } = await ec2.describeInstances({ InstanceIds: [InstanceId] });
    expect(Reservations?.[0]?.Instances?.[0]).toMatchObject({
      State: { Code: 16, Name: 'running' },
      BlockDeviceMappings: [{ DeviceName: '/dev/sda1' }, { DeviceName: '/dev/sdf', Ebs: { VolumeId } }],
      MetadataOptions: { HttpTokens: 'required' },
    });
  });

  it('sees errors with their codes', async () => {
    await expect(ec2.describeVolumes({ VolumeIds: ['vol-00000000000000000'] })).rejects.toMatchObject({
      name: 'InvalidVolume.NotFound',
      message: "The volume 'vol-00000000000000000' does not exist.",
      $metadata: { httpStatusCode: 400 },
    });
    await expect(ec2.describeSubnets({ DryRun: true })).rejects.toMatchObject({
      name: 'DryRunOperation',
      $metadata: { httpStatusCode: 412 },
    });
    await expect(ec2.describeFleets({})).rejects.toMatchObject({ name: 'InvalidAction' });
  });

  it('is throttled and spoiled by fault rules', async () => {
    const fault = region.faults.add({
      service: 'ec2',
      operation: 'CreateVolume',
      action: { kind: 'spoil', endState: 'error' },
    });
    const { VolumeId = '' } = await ec2.createVolume({ AvailabilityZone: 'us-east-1a', Size: 1 });
    expect(fault.hits).toBe(1);
    await expect
      .poll(async () => (await ec2.describeVolumes({ VolumeIds: [VolumeId] })).Volumes?.[0]?.State)
      .toBe('error');
    region.faults.add({ service: 'ec2', operation: 'DescribeVpcs', action: { kind: 'throttle' } });
    await expect(ec2.describeVpcs({})).rejects.toMatchObject({ name: 'RequestLimitExceeded' });
  });
});

const hasCli = await run('aws', ['--version']).then(
  () => true,
  () => false,
);
if (!hasCli) console.warn('SKIPPED: the AWS CLI is not on PATH, so EC2 was not tried with it');

describe.skipIf(!hasCli)('the AWS CLI', () => {
  async function aws(...args: string[]) {
    const env = {
      ...process.env,
      AWS_ENDPOINT_URL: region.endpoint,
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_DEFAULT_REGION: 'us-east-1',
    };
    const { stdout } = await run('aws', ['ec2', '--output', 'json', ...args], { env });
    return stdout.trim() === '' ? {} : JSON.parse(stdout);
  }

  it('describes what there is', async () => {
    const [images, subnets, ...others] = await Promise.all([
      aws('describe-images', '--owners', 'amazon', '--filters', 'Name=architecture,Values=arm64'),
      aws('describe-subnets', '--query', 'Subnets[].SubnetId'),
      aws('describe-volumes', '--page-size', '5'),
      aws('describe-snapshots', '--owner-ids', 'self'),
      aws('describe-import-snapshot-tasks'),
    ]);
    expect(images.Images).toMatchObject([{ ImageId: 'ami-0a11d00000a12023b', BootMode: 'uefi' }]);
    expect(subnets).toEqual([
      'subnet-0a11d0000000000a1',
      'subnet-0a11d0000000000b2',
      'subnet-0a11d0000000000c3',
    ]);
    expect(others.map((answer) => Object.keys(answer))).toEqual([
      ['Volumes'],
      ['Snapshots'],
      ['ImportSnapshotTasks'],
    ]);
  }, 60_000);

  it('launches, tags and terminates', async () => {
    const tags = 'ResourceType=instance,Tags=[{Key=Name,Value=cli}]';
    const image = ['--image-id', 'ami-0a11d00000a12023a', '--instance-type', 't3.micro'];
    const launch = await aws('run-instances', ...image, '--user-data', 'hello', '--tag-specifications', tags);
    const id: string = launch.Instances[0].InstanceId;
    await aws('modify-instance-attribute', '--instance-id', id, '--no-source-dest-check');
    const seen = await aws('describe-instances', '--filters', 'Name=tag:Name,Values=cli');
    expect(seen.Reservations[0].Instances[0]).toMatchObject({ InstanceId: id, SourceDestCheck: false });
    const ended = await aws('terminate-instances', '--instance-ids', id);
    expect(ended.TerminatingInstances[0].CurrentState.Name).toBe('shutting-down');
    await expect(aws('start-instances', '--instance-ids', id)).rejects.toThrow('IncorrectInstanceState');
  }, 60_000);
});
