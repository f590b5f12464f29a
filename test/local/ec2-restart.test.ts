import { open, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  AL2023_X86,
  makeVolume,
  openTestEc2,
  runInstance,
  SUBNET_A,
  stateOf,
  type TestEc2,
  volumeOf,
} from './ec2-harness.ts';

let ec2: TestEc2;
beforeEach(async () => {
  ec2 = await openTestEc2();
});
afterEach(() => ec2.close());

const launch = () =>
  ec2.api.runInstances({
    ImageId: AL2023_X86,
    InstanceType: 't3.micro',
    MinCount: 1,
    MaxCount: 1,
    SubnetId: SUBNET_A,
    ClientToken: 'once',
  });

describe('a restart', () => {
  it('keeps everything as it was', async () => {
    const instance = await runInstance(ec2, {
      TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'Name', Value: 'kept' }] }],
    });
    const volume = await makeVolume(ec2);
    await ec2.api.attachVolume({ VolumeId: volume, InstanceId: instance, Device: '/dev/sdf' });
    await ec2.advance(3);
    const all = async () => [
      await ec2.api.describeInstances({}),
      await ec2.api.describeVolumes({}),
      await ec2.api.describeSnapshots({}),
      await ec2.api.describeImages({}),
      await ec2.api.describeSubnets({}),
      await ec2.api.describeSecurityGroups({}),
      await ec2.api.describeNetworkInterfaces({}),
      await ec2.api.describeKeyPairs({}),
      await ec2.api.describeTags({}),
    ];
    const before = await all();
    ec2 = await ec2.restart();
    expect(await all()).toEqual(before);
  });

  it('of a region that had no endpoints as yet seeds the one of S3, once', async () => {
    const file = join(dirname(ec2.service.volumeFile(await makeVolume(ec2)) ?? ''), '..', 'state.json');
    const endpoints = async () => (await ec2.api.describeVpcEndpoints({})).VpcEndpoints ?? [];
    await ec2.service.stop();
    const state = JSON.parse(await readFile(file, 'utf8'));
    delete state.tables.vpcEndpoints;
    await writeFile(file, JSON.stringify(state));
    ec2 = await ec2.restart();
    expect(await endpoints()).toMatchObject([{ VpcEndpointId: 'vpce-0a11d0000000000a1' }]);
    await ec2.api.deleteVpcEndpoints({ VpcEndpointIds: ['vpce-0a11d0000000000a1'] });
    ec2 = await ec2.restart();
    expect(await endpoints()).toEqual([]);
  });

  it('goes on with what was under way', async () => {
    ec2.objects.set('images', new Map([['disk.raw', Buffer.from('bytes of a disk')]]));
    const { Instances } = await launch();
    const { VolumeId = '' } = await ec2.api.createVolume({ AvailabilityZone: 'us-east-1a', Size: 1 });
    const { ImportTaskId = '' } = await ec2.api.importSnapshot({
      RoleName: 'role',
      DiskContainer: { Format: 'RAW', UserBucket: { S3Bucket: 'images', S3Key: 'disk.raw' } },
    });
    await ec2.advance(1);
    ec2 = await ec2.restart();
    const instance = Instances?.[0]?.InstanceId ?? '';
    expect(await stateOf(ec2, instance)).toBe('pending');
    expect((await volumeOf(ec2, VolumeId)).State).toBe('creating');
    await ec2.advance(16);
    expect(await stateOf(ec2, instance)).toBe('running');
    expect((await volumeOf(ec2, VolumeId)).State).toBe('available');
    await ec2.advance(10);
    ec2 = await ec2.restart();
    await ec2.advance(104);
    const { ImportSnapshotTasks } = await ec2.api.describeImportSnapshotTasks({
      ImportTaskIds: [ImportTaskId],
    });
    const detail = ImportSnapshotTasks?.[0]?.SnapshotTaskDetail;
    expect(detail?.Status).toBe('completed');
    const handle = await open(ec2.service.snapshotFile(detail?.SnapshotId ?? '') ?? '');
    expect((await handle.read(Buffer.alloc(15), 0, 15, 0)).buffer.toString()).toBe('bytes of a disk');
    await handle.close();
    expect((await launch()).Instances?.[0]?.InstanceId).toBe(instance);
  });

  it('begins an import again that it cut in the middle of its bytes', async () => {
    const image = Buffer.alloc(5 * 1024 ** 2, 'landfall');
    ec2.objects.set('images', new Map([['disk.raw', image]]));
    const { ImportTaskId = '' } = await ec2.api.importSnapshot({
      RoleName: 'role',
      DiskContainer: { Format: 'RAW', UserBucket: { S3Bucket: 'images', S3Key: 'disk.raw' } },
    });
    const [gate, reached] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    ec2.reads.before = async (offset) => {
      if (offset === 0) return;
      reached.resolve();
      await gate.promise;
    };
    const reading = ec2.advance(20);
    await reached.promise;
    const stopping = ec2.restart();
    gate.resolve();
    await reading;
    ec2 = await stopping;
    const statusOf = async () => {
      const answer = await ec2.api.describeImportSnapshotTasks({ ImportTaskIds: [ImportTaskId] });
      return answer.ImportSnapshotTasks?.[0]?.SnapshotTaskDetail;
    };
    expect(await statusOf()).toMatchObject({ Status: 'active', Progress: '48' });
    await ec2.advance(124);
    const detail = await statusOf();
    expect(detail?.Status).toBe('completed');
    const handle = await open(ec2.service.snapshotFile(detail?.SnapshotId ?? '') ?? '');
    const { buffer } = await handle.read(Buffer.alloc(image.length + 1), 0, image.length + 1, 0);
    await handle.close();
    expect(buffer.equals(Buffer.concat([image, Buffer.alloc(1)]))).toBe(true);
  });

  it('ends a stop, a detachment and a deletion', async () => {
    const instance = await runInstance(ec2);
    const [detached, deleted] = [await makeVolume(ec2), await makeVolume(ec2)];
    await ec2.api.attachVolume({ VolumeId: detached, InstanceId: instance, Device: '/dev/sdf' });
    await ec2.advance(3);
    await ec2.api.detachVolume({ VolumeId: detached });
    await ec2.api.deleteVolume({ VolumeId: deleted });
    await ec2.api.stopInstances({ InstanceIds: [instance] });
    const file = ec2.service.volumeFile(deleted) ?? '';
    ec2 = await ec2.restart();
    await ec2.advance(20);
    expect(await stateOf(ec2, instance)).toBe('stopped');
    expect((await volumeOf(ec2, detached)).State).toBe('available');
    expect(await readdir(dirname(file))).not.toContain(`${deleted}.img`);
  });
});

it('writes its state soon after a change, without being stopped', async () => {
  const volume = await makeVolume(ec2);
  const stateFile = join(dirname(dirname(ec2.service.volumeFile(volume) ?? '')), 'state.json');
  await expect
    .poll(async () => (await readFile(stateFile, 'utf8')).includes(volume), { timeout: 5_000 })
    .toBe(true);
});
