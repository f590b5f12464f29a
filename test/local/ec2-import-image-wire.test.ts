import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EC2, type ImageDiskContainer, waitUntilInstanceRunning } from '@aws-sdk/client-ec2';
import { S3 } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Region, startRegion } from '../../local/region.ts';
import { linuxDisk } from './boot-disks.ts';

/** ImportImage through the region's server, with the SDK, from objects that lie in its S3. */

let folder: string;
let region: Region;
let ec2: EC2;
let s3: S3;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'landfall-import-image-'));
  region = await startRegion({ stateFolder: folder, port: 0, timeScale: 0.0005 });
  const client = {
    endpoint: region.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
  };
  ec2 = new EC2(client);
  s3 = new S3({ ...client, forcePathStyle: true });
  await region.services.iam.putRole({
    name: 'vmie',
    arn: 'arn:aws:iam::123456789012:role/vmie',
    trustPolicy: {},
    managedPolicyArns: [],
    inlinePolicies: {},
    maxSessionSeconds: 3600,
  });
  await s3.createBucket({ Bucket: 'images' });
});
afterAll(async () => {
  await region?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function put(Key: string, Body: Uint8Array): Promise<ImageDiskContainer> {
  await s3.putObject({ Bucket: 'images', Key, Body });
  return { Format: 'RAW', UserBucket: { S3Bucket: 'images', S3Key: Key } };
}

/** The task when it is no longer active. */
async function ended(id = '') {
  const look = async () =>
    (await ec2.describeImportImageTasks({ ImportTaskIds: [id] })).ImportImageTasks?.[0];
  await expect
    .poll(async () => ['active', 'deleting'].includes((await look())?.Status ?? ''), { timeout: 20_000 })
    .toBe(false);
  return (await look()) ?? {};
}

async function startOf(file: string | undefined, length: number): Promise<Buffer> {
  const handle = await open(file ?? '');
  try {
    return (await handle.read(Buffer.alloc(length), 0, length, 0)).buffer;
  } finally {
    await handle.close();
  }
}

describe('ImportImage over the wire', () => {
  it('makes an image of two disks that an instance starts from', async () => {
    const [boot, data] = [linuxDisk('over the wire'), Buffer.alloc(700_001, 'data')];
    const containers = [await put('boot.raw', boot), await put('data.raw', data)];
    const { ImportTaskId, Status, SnapshotDetails } = await ec2.importImage({
      Architecture: 'x86_64',
      ClientToken: 'wire-1',
      Description: 'a & <b>',
      DiskContainers: containers,
      LicenseType: 'BYOL',
      Platform: 'Linux',
      RoleName: 'vmie',
      TagSpecifications: [{ ResourceType: 'import-image-task', Tags: [{ Key: 'a', Value: 'b' }] }],
    });
    expect(Status).toBe('active');
    expect(SnapshotDetails?.map((detail) => detail.UserBucket?.S3Key)).toEqual(['boot.raw', 'data.raw']);
    const task = await ended(ImportTaskId);
    expect(task).toMatchObject({
      Status: 'completed',
      Description: 'a & <b>',
      Tags: [{ Key: 'a', Value: 'b' }],
      SnapshotDetails: [
        { DeviceName: '/dev/sda1', DiskImageSize: boot.length },
        { DeviceName: '/dev/sdb', DiskImageSize: data.length },
      ],
    });
    const { Instances } = await ec2.runInstances({
      ImageId: task.ImageId,
      InstanceType: 't3.small',
      MinCount: 1,
      MaxCount: 1,
    });
    const InstanceIds = [Instances?.[0]?.InstanceId ?? ''];
    await waitUntilInstanceRunning(
      { client: ec2, maxWaitTime: 20, minDelay: 0.05, maxDelay: 0.1 },
      { InstanceIds },
    );
    const { Volumes } = await ec2.describeVolumes({
      Filters: [{ Name: 'attachment.instance-id', Values: InstanceIds }],
    });
    for (const [index, bytes] of [boot, data].entries()) {
      const file = region.services.ec2.volumeFile(Volumes?.[index]?.VolumeId ?? '');
      expect((await startOf(file, bytes.length)).equals(bytes)).toBe(true);
    }
  });

  it('needs a role that the region’s IAM knows', async () => {
    const input = { DiskContainers: [await put('boot.raw', linuxDisk())] };
    await expect(ec2.importImage(input)).rejects.toMatchObject({
      name: 'InvalidParameter',
      message:
        'The service role vmimport does not exist or does not have sufficient permissions for the service to continue',
    });
    await expect(ec2.importImage({ ...input, RoleName: 'another' })).rejects.toMatchObject({
      name: 'InvalidParameter',
    });
  });

  it('fails the way a fault rule asks', async () => {
    const message = 'ClientError: Unknown OS / Missing OS files';
    region.faults.add({
      service: 'ec2',
      operation: 'ImportImage',
      action: { kind: 'spoil', endState: 'deleted', message },
    });
    const { ImportTaskId } = await ec2.importImage({
      RoleName: 'vmie',
      DiskContainers: [await put('boot.raw', linuxDisk())],
    });
    expect(await ended(ImportTaskId)).toMatchObject({ Status: 'deleted', StatusMessage: message });
    expect(region.faults.unhit()).toEqual([]);
  });

  it('is cancelled by CancelImportTask', async () => {
    region.faults.add({
      service: 'ec2',
      operation: 'ImportImage',
      action: { kind: 'spoil', stuck: true },
    });
    const { ImportTaskId } = await ec2.importImage({
      RoleName: 'vmie',
      DiskContainers: [await put('boot.raw', linuxDisk())],
    });
    expect(await ec2.cancelImportTask({ ImportTaskId })).toMatchObject({
      ImportTaskId,
      PreviousState: 'active',
      State: 'deleting',
    });
    expect((await ended(ImportTaskId)).Status).toBe('deleted');
  });
});
