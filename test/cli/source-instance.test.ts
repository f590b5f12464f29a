import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { parseSourceMachine } from '../../cli/backup/source-instance.ts';
import { BadRequest } from '../../cli/errors.ts';

const SAMPLE = new URL('../../samples/web01/', import.meta.url);

test('reads a Linux instance with two volumes, as the AWS CLI describes it', async () => {
  const machine = parseSourceMachine({
    instances: await readFile(new URL('instance.json', SAMPLE), 'utf8'),
    instancesFrom: 'instance.json',
    volumes: await readFile(new URL('volumes.json', SAMPLE), 'utf8'),
  });
  expect(machine.source).toEqual({
    instanceId: 'i-0b1d5e0a7c3f42e11',
    instanceType: 't3.small',
    imageId: 'ami-0a9b8c7d6e5f40312',
    availabilityZone: 'us-east-1a',
    subnetId: 'subnet-0b9c8d7e6f5a41302',
    vpcId: 'vpc-0c8d7e6f5a4b31201',
    securityGroupIds: ['sg-0f4d6c8e2a1b35790'],
    keyName: 'web',
    privateIpAddress: '10.0.1.20',
    sourceDestCheck: true,
    ebsOptimized: true,
    enaSupport: true,
    networkInterfaces: [
      {
        deviceIndex: 0,
        subnetId: 'subnet-0b9c8d7e6f5a41302',
        privateIpAddress: '10.0.1.20',
        securityGroupIds: ['sg-0f4d6c8e2a1b35790'],
        deleteOnTermination: true,
      },
    ],
    metadataOptions: {
      httpTokens: 'required',
      httpEndpoint: 'enabled',
      httpPutResponseHopLimit: 2,
      instanceMetadataTags: 'disabled',
    },
    tags: { Name: 'web01', environment: 'sample' },
  });
  expect(machine.workload).toEqual({
    platform: 'linux',
    architecture: 'x86_64',
    bootMode: 'legacy-bios',
    usageOperation: 'RunInstances',
    rootDeviceName: '/dev/xvda',
    tags: { Name: 'web01', environment: 'sample' },
  });
  expect(machine.volumes).toEqual([
    {
      volumeId: 'vol-0c1a9f3e5b7d24680',
      deviceName: '/dev/xvda',
      isRoot: true,
      settings: {
        volumeId: 'vol-0c1a9f3e5b7d24680',
        volumeType: 'gp3',
        iops: 3000,
        throughput: 125,
        encrypted: false,
        deleteOnTermination: true,
        tags: { Name: 'web01 root' },
      },
    },
    {
      volumeId: 'vol-0d2b8e4f6a7c13579',
      deviceName: '/dev/sdf',
      isRoot: false,
      settings: {
        volumeId: 'vol-0d2b8e4f6a7c13579',
        volumeType: 'gp3',
        iops: 3000,
        throughput: 125,
        encrypted: false,
        deleteOnTermination: false,
        tags: { Name: 'web01 data' },
      },
    },
  ]);
});

const WINDOWS = {
  InstanceId: 'i-0000000000000000a',
  Platform: 'windows',
  CurrentInstanceBootMode: 'uefi',
  TpmSupport: 'v2.0',
  UsageOperation: 'RunInstances:0002',
  RootDeviceName: '/dev/sda1',
  BlockDeviceMappings: [
    { DeviceName: 'xvdca', VirtualName: 'ephemeral0' },
    { DeviceName: '/dev/sda1', Ebs: { VolumeId: 'vol-00000000000000001' } },
  ],
  SomethingNew: { of: ['AWS'] },
};
const ANOTHER = { InstanceId: 'i-0000000000000000b' };
const describe = (...Instances: object[]) =>
  JSON.stringify({ Reservations: [{ Instances }, { Instances: [] }] });

test('takes the boot mode it last booted with where the image names none, and passes instance stores over', () => {
  const { workload, volumes, source } = parseSourceMachine({
    instances: describe(WINDOWS),
    instancesFrom: 'stdin',
  });
  expect(workload).toMatchObject({
    platform: 'windows',
    bootMode: 'uefi',
    tpmSupport: 'v2.0',
    usageOperation: 'RunInstances:0002',
  });
  expect(volumes).toEqual([
    {
      volumeId: 'vol-00000000000000001',
      deviceName: '/dev/sda1',
      isRoot: true,
      settings: { volumeId: 'vol-00000000000000001', tags: {} },
    },
  ]);
  expect(source).toMatchObject({ instanceId: 'i-0000000000000000a', securityGroupIds: [], tags: {} });
});

test('chooses one of several instances', () => {
  const instances = describe(WINDOWS, ANOTHER);
  const chosen = parseSourceMachine({ instances, instancesFrom: 'f', instanceId: 'i-0000000000000000b' });
  expect(chosen.source.instanceId).toBe('i-0000000000000000b');
});

test.each([
  ['not json', 'f is not JSON'],
  ['{"Instances": []}', 'f is not what "aws ec2 describe-instances" prints: Reservations'],
  [describe(), 'f describes 0 instances (no instance), one is needed'],
  [
    describe(WINDOWS, ANOTHER),
    'f describes 2 instances (i-0000000000000000a, i-0000000000000000b), one is needed',
  ],
  [describe({ ...ANOTHER, Architecture: 'riscv64' }), 'Reservations.0.Instances.0.Architecture'],
])('refuses %s', (instances, message) => {
  const parse = () => parseSourceMachine({ instances, instancesFrom: 'f' });
  expect(parse).toThrow(BadRequest);
  expect(parse).toThrow(message);
});

test('names the instances that are there when the wanted one is not', () => {
  expect(() =>
    parseSourceMachine({ instances: describe(ANOTHER), instancesFrom: 'f', instanceId: 'i-1' }),
  ).toThrow('f does not describe instance i-1; it has i-0000000000000000b');
});
