import {
  CreateSecurityGroupCommand,
  DescribeInstanceAttributeCommand,
  DescribeVolumesCommand,
  type Tag,
} from '@aws-sdk/client-ec2';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { readStart } from '../cli/support.ts';
import { describeInstance } from '../support/compare-restores.ts';
import { type HelperBench, makeHelperBench } from '../support/helper-bench.ts';
import { isRestored, MIB, sparseDisk } from '../support/restore-bench.ts';

let bench: HelperBench;
beforeAll(async () => {
  bench = await makeHelperBench(inject('assemblyFolder'));
});
afterAll(() => bench?.stop());

const UNKNOWN_SUBNET = 'subnet-0123456789abcdef0';
const ZONE_B_CIDR_ADDRESS = '172.31.16.99';

const root = {
  ...sparseDisk('root', 20 * MIB + 512, { boot: true }),
  volume: {
    volumeType: 'gp2',
    iops: 100,
    deleteOnTermination: false,
    tags: { Name: 'web01 root', team: 'blue' },
  },
};
const data = sparseDisk('data', 24 * MIB, { deviceName: '/dev/sdf' });
const scratch = sparseDisk('scratch', 9 * MIB, { deviceName: '/dev/sdg' });

/** What the source instance was like. */
const workload = {
  name: 'web01',
  source: {
    instanceId: 'i-0123456789abcdef0',
    instanceType: 'm6i.large',
    sourceDestCheck: false,
    ebsOptimized: true,
    publicIpAddress: '203.0.113.7',
    metadataOptions: { httpTokens: 'optional', httpPutResponseHopLimit: 2, instanceMetadataTags: 'enabled' },
    tags: { Name: 'web01.example.com', env: 'prod', 'landfall:role': 'result' },
  },
};

const tagsOf = (tags: readonly Tag[] = []) => Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value]));

const describeVolumes = async (ids: string[]) => {
  const { Volumes = [] } = await bench.ec2.send(new DescribeVolumesCommand({ VolumeIds: ids }));
  return ids.map((id) => Volumes.find(({ VolumeId }) => VolumeId === id));
};

/** The rules of faults see only this restore's calls: the others of this file run at the same time. */
const isOf = (restoreId: string) => (input: Record<string, unknown>) =>
  JSON.stringify(input).includes(restoreId);

const refusal = (code: string) => ({ kind: 'error' as const, code, message: 'not now' });

describe.concurrent('a request', { timeout: 120_000 }, () => {
  it('is met in every field, and what it does not say is as at the source', async () => {
    const restorePoint = await bench.backUp([root, data, scratch], workload);
    const groups = await Promise.all(
      ['web', 'admin'].map(async (GroupName) => {
        const { GroupId = '' } = await bench.ec2.send(
          new CreateSecurityGroupCommand({
            GroupName,
            Description: GroupName,
            VpcId: 'vpc-0a11d0000000000a1',
          }),
        );
        return GroupId;
      }),
    );
    const { result, cause } = await bench.restore(
      {
        restorePoint,
        strategy: 'upload',
        target: {
          namePrefix: 'dr-',
          nameSuffix: ' (test)',
          instanceTypes: ['m6i.large', 'm5.large'],
          subnetIds: [UNKNOWN_SUBNET, bench.subnetId],
          securityGroupIds: groups,
          privateIpAddress: ZONE_B_CIDR_ADDRESS,
          associatePublicIpAddress: true,
          metadataOptions: { httpTokens: 'required', httpPutResponseHopLimit: 3 },
          tags: { owner: 'ops' },
        },
        disks: [
          { id: 'root', volumeType: 'gp3', iops: 3000, throughput: 200, initializationRate: 250 },
          { id: 'data', encrypted: true, deviceName: '/dev/sdh' },
          { id: 'scratch', exclude: true },
        ],
      },
      'all-fields',
    );
    expect(cause).toBeUndefined();
    const instance = await describeInstance(bench.ec2, result?.instance?.instanceId ?? '');
    const [rootVolume, dataVolume, ...others] = result?.volumes.map(({ volumeId }) => volumeId) ?? [];
    expect(others).toEqual([]);
    expect(result).toMatchObject({ restoreTo: 'new', instance: { name: 'dr-web01.example.com (test)' } });
    expect(instance).toMatchObject({
      InstanceType: 'm6i.large',
      SubnetId: bench.subnetId,
      PrivateIpAddress: ZONE_B_CIDR_ADDRESS,
      PublicIpAddress: expect.stringMatching(/^\d+\.\d+\.\d+\.\d+$/),
      EbsOptimized: true,
      SourceDestCheck: false,
      MetadataOptions: {
        HttpTokens: 'required',
        HttpPutResponseHopLimit: 3,
        HttpEndpoint: 'enabled',
        InstanceMetadataTags: 'enabled',
      },
    });
    expect(instance?.SecurityGroups?.map(({ GroupId }) => GroupId).sort()).toEqual([...groups].sort());
    expect(
      instance?.BlockDeviceMappings?.map(({ DeviceName, Ebs }) => [
        DeviceName,
        Ebs?.VolumeId,
        Ebs?.DeleteOnTermination,
      ]).sort(),
    ).toEqual([
      ['/dev/sdh', dataVolume, false],
      ['/dev/xvda', rootVolume, false],
    ]);
    const { UserData } = await bench.ec2.send(
      new DescribeInstanceAttributeCommand({ InstanceId: instance?.InstanceId, Attribute: 'userData' }),
    );
    expect(UserData?.Value).toBeUndefined();
    const origin = {
      'landfall:restore': 'all-fields',
      'landfall:role': 'result',
      'landfall:source-name': 'web01.example.com',
      'landfall:restore-point': restorePoint,
      'landfall:restore-started': result?.startedAt,
    };
    expect(tagsOf(instance?.Tags)).toEqual({
      ...origin,
      'landfall:entry': '1/instance/target',
      Name: 'dr-web01.example.com (test)',
      env: 'prod',
      owner: 'ops',
    });
    const [first, second] = await describeVolumes([rootVolume ?? '', dataVolume ?? '']);
    expect(first).toMatchObject({
      VolumeType: 'gp3',
      Iops: 3000,
      Throughput: 200,
      Encrypted: false,
      VolumeInitializationRate: 250,
      AvailabilityZone: 'us-east-1b',
    });
    expect(tagsOf(first?.Tags)).toEqual({
      ...origin,
      'landfall:disk': 'root',
      'landfall:entry': '1/volume/root',
      Name: 'dr-web01 root (test)',
      team: 'blue',
      owner: 'ops',
    });
    expect(second).toMatchObject({ VolumeType: 'gp3', Encrypted: true });
    expect(second?.VolumeInitializationRate).toBeUndefined();
    expect(tagsOf(second?.Tags)).toMatchObject({
      'landfall:disk': 'data',
      Name: 'dr-web01.example.com (test) data',
    });
    expect(await bench.ownedBy('all-fields')).toEqual(
      [instance?.InstanceId, rootVolume, dataVolume].map(String).sort(),
    );
    const { warnings, excludedDisks } = await bench.record('restores/all-fields/1/plan.json');
    expect(excludedDisks).toEqual(['scratch']);
    expect(
      warnings.map(({ field, problem }: { field: string; problem: string }) => [field, problem]),
    ).toEqual([['target.subnetIds[0]', `does not exist here; ${bench.subnetId} is used`]]);
  });

  it('gets the next type and volumes without initialisation rate, where EC2 refuses the first', async () => {
    const restorePoint = await bench.backUp([root, data], { name: 'second-best' });
    const isTheirs = isOf('second-best-1');
    const capacity = bench.region.faults.add({
      service: 'ec2',
      operation: 'RunInstances',
      when: (input) => isTheirs(input) && input.InstanceType === 'm6i.large',
      action: refusal('InsufficientInstanceCapacity'),
      times: 10,
    });
    const quota = bench.region.faults.add({
      service: 'ec2',
      operation: 'CreateVolume',
      when: (input) => isTheirs(input) && input.VolumeInitializationRate === 300,
      action: refusal('VolumeInitializationRateLimitExceeded'),
      times: 10,
    });
    // The volume is made, and the step does not learn of it: it must not make another with the rate.
    const lost = bench.region.faults.add({
      service: 'ec2',
      operation: 'CreateVolume',
      when: (input) =>
        isTheirs(input) &&
        JSON.stringify(input).includes('1/volume/root') &&
        input.VolumeInitializationRate === undefined,
      action: { kind: 'loseAnswer' },
      // More than the SDK tries by itself: the step runs again.
      times: 5,
    });
    const { result, cause } = await bench.restore(
      {
        restorePoint,
        strategy: 'direct',
        target: {
          instanceTypes: ['m6i.large', 'm5.large'],
          subnetId: bench.subnetId,
          powerOn: false,
        },
        disks: [
          { id: 'root', initializationRate: 300 },
          { id: 'data', initializationRate: 100 },
        ],
      },
      'second-best-1',
    );
    expect(cause).toBeUndefined();
    expect([capacity.hits, quota.hits, lost.hits]).toEqual([1, 1, 5]);
    for (const fault of [capacity, quota, lost]) fault.remove();
    expect(result?.instance).toMatchObject({ instanceType: 'm5.large', started: 'not-asked' });
    const ids = result?.volumes.map(({ volumeId }) => volumeId) ?? [];
    const volumes = await describeVolumes(ids);
    expect(volumes.map((volume) => volume?.VolumeInitializationRate)).toEqual([undefined, 100]);
    expect(result?.volumes.map(({ note }) => note)).toEqual([
      'made without the initialisation rate of 300 MiB/s, which EC2 refused (VolumeInitializationRateLimitExceeded: not now)',
      undefined,
    ]);
    expect(await bench.ownedBy('second-best-1')).toEqual(
      [result?.instance?.instanceId, ...ids].map(String).sort(),
    );
  });

  it.each([
    ['direct', { kind: 'vmware', platform: 'windows', operatingSystem: 'Windows Server 2022' }],
    ['helper', { kind: 'physical', architecture: 'arm64' }],
  ])('to volumes alone by strategy %s leaves them available, and makes no instance', async (strategy, of) => {
    const restoreId = `volumes-${strategy}`;
    const restorePoint = await bench.backUp([root, data, scratch], { ...of, name: restoreId });
    const { status, executionArn, result, cause } = await bench.restore(
      {
        restorePoint,
        strategy,
        restoreTo: 'volumes',
        target: {
          namePrefix: 'copy of ',
          tags: { owner: 'ops' },
          ...(strategy === 'helper' ? { subnetId: bench.subnetId } : { availabilityZone: 'us-east-1c' }),
        },
        // Nothing boots: even the boot disk may be left out.
        disks: [{ id: strategy === 'direct' ? 'root' : 'scratch', exclude: true }],
      },
      restoreId,
    );
    expect(cause).toBeUndefined();
    expect(status).toBe('SUCCEEDED');
    expect(result).toMatchObject({ outcome: 'restored', restoreTo: 'volumes', leftBehind: [] });
    expect(result?.instance).toBeUndefined();
    const disks = strategy === 'direct' ? [data, scratch] : [root, data];
    expect(result?.volumes.map(({ diskId }) => diskId)).toEqual(disks.map(({ id }) => id));
    const zone = strategy === 'helper' ? 'us-east-1b' : 'us-east-1c';
    expect(result?.volumes.map(({ availabilityZone }) => availabilityZone)).toEqual([zone, zone]);
    const ids = result?.volumes.map(({ volumeId }) => volumeId) ?? [];
    const volumes = await describeVolumes(ids);
    for (const [index, disk] of disks.entries()) {
      const file = await bench.volumeFile(ids[index]);
      // That zeros follow is looked at for one of them: it means to read a GiB.
      if (index === 0) expect(await isRestored(file, disk)).toBe(true);
      expect((await readStart(file, disk.bytes.length)).equals(disk.bytes)).toBe(true);
      expect(volumes[index]).toMatchObject({ State: 'available', AvailabilityZone: zone, Attachments: [] });
      expect(tagsOf(volumes[index]?.Tags)).toEqual({
        'landfall:restore': restoreId,
        'landfall:role': 'result',
        'landfall:entry': `1/volume/${disk.id}`,
        'landfall:source-name': restoreId,
        'landfall:restore-point': restorePoint,
        'landfall:restore-started': result?.startedAt,
        'landfall:disk': disk.id,
        Name: disk.id === 'root' ? 'copy of web01 root' : `copy of ${restoreId} ${disk.id}`,
        owner: 'ops',
        ...(disk.id === 'root' ? { team: 'blue' } : {}),
      });
    }
    expect(await bench.ownedBy(restoreId)).toEqual([...ids].sort());
    const called = bench.region.calls.entries().filter(({ execution }) => execution === executionArn);
    const operations = new Set(called.map(({ operation }) => operation));
    expect(operations.has('RunInstances')).toBe(strategy === 'helper');
    for (const never of ['RegisterImage', 'ImportImage', 'StartInstances', 'ModifyInstanceAttribute']) {
      expect(operations.has(never)).toBe(false);
    }
  });
});
