import { expect, test } from 'vitest';
import { makeRestoreRequest, type RequestFlags } from '../../cli/restore/request-flags.ts';
import { parsePointFlags } from '../../cli/select-restore-point.ts';

const ID = `rp-20260115T080000Z-${'0123456789abcdef'.repeat(4)}`;

const input = (flags: RequestFlags, { file, point = {} }: { file?: unknown; point?: object } = {}) =>
  makeRestoreRequest({ flags, file, choice: parsePointFlags(point) }).input;

test('flags become fields of the request, and nothing else does', () => {
  expect(
    input(
      {
        restoreId: 'r1',
        strategy: 'upload',
        name: 'web01-copy',
        instanceType: ['m7i.large'],
        subnet: ['subnet-0123456789abcdef0'],
        securityGroup: ['sg-0123456789abcdef0'],
        privateIp: '10.0.0.5',
        keyName: 'k',
        instanceProfile: 'p',
        image: 'ami-0123456789abcdef0',
        targetTag: { team: 'web' },
        powerOn: false,
        conversion: 'import',
        licenseType: 'BYOL',
        bootMode: 'uefi',
        keepOnFailure: true,
        reason: 'test',
        repository: 's3://backups/prod',
        helperType: 'c7gn.xlarge',
        helperSubnet: 'subnet-0123456789abcdef1',
        helperSecurityGroup: ['sg-0123456789abcdef1', 'sg-0123456789abcdef2'],
        readBack: 'all',
      },
      { point: { point: ID } },
    ),
  ).toEqual({
    restoreId: 'r1',
    restorePoint: ID,
    repository: 's3://backups/prod',
    strategy: 'upload',
    target: {
      name: 'web01-copy',
      instanceType: 'm7i.large',
      subnetId: 'subnet-0123456789abcdef0',
      securityGroupIds: ['sg-0123456789abcdef0'],
      privateIpAddress: '10.0.0.5',
      keyName: 'k',
      iamInstanceProfile: 'p',
      imageId: 'ami-0123456789abcdef0',
      tags: { team: 'web' },
      powerOn: false,
      conversion: 'import',
      licenseType: 'BYOL',
      bootMode: 'uefi',
    },
    reason: 'test',
    onFailure: 'keep',
    helper: {
      instanceType: 'c7gn.xlarge',
      subnetId: 'subnet-0123456789abcdef1',
      securityGroupIds: ['sg-0123456789abcdef1', 'sg-0123456789abcdef2'],
      readBack: 'all',
    },
  });
  expect(input({}, { point: { workload: 'web01' } })).toEqual({
    restorePoint: { workload: 'web01', at: 'latest' },
  });
});

test('flags win over the request file, field by field', () => {
  const file = {
    restorePoint: { workload: 'db01' },
    target: { instanceType: 't3.small', keyName: 'k' },
    disks: [{ id: 'root', volumeType: 'gp3' }],
    helper: { instanceType: 'c7g.large', readBack: 'all' },
    onFailure: 'keep',
  };
  expect(input({ instanceType: ['m7i.large'], readBack: 'sample' }, { file })).toEqual({
    ...file,
    target: { instanceType: 'm7i.large', keyName: 'k' },
    helper: { instanceType: 'c7g.large', readBack: 'sample' },
  });
  const at = new Date('2026-01-31T08:00:00Z');
  expect(input({}, { file, point: { workload: 'web01', at } })).toEqual({
    ...file,
    restorePoint: { workload: 'web01', at: '2026-01-31T08:00:00.000Z' },
  });
});

test('flags for names, places, addresses, metadata and single disks become fields too', () => {
  expect(
    input({
      namePrefix: 'dr-',
      nameSuffix: '-copy',
      instanceType: ['m7i.large', 'm6i.large'],
      subnet: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
      publicIp: false,
      bootMode: 'uefi',
      imds: true,
      imdsTokens: 'optional',
      imdsHopLimit: 2,
      excludeDisk: ['scratch', 'data'],
      initializationRate: { root: '300' },
    }),
  ).toEqual({
    restorePoint: { workload: 'not-known-yet' },
    target: {
      namePrefix: 'dr-',
      nameSuffix: '-copy',
      instanceTypes: ['m7i.large', 'm6i.large'],
      subnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
      associatePublicIpAddress: false,
      bootMode: 'uefi',
      metadataOptions: { httpEndpoint: 'enabled', httpTokens: 'optional', httpPutResponseHopLimit: 2 },
    },
    disks: [
      { id: 'scratch', exclude: true },
      { id: 'data', exclude: true },
      { id: 'root', initializationRate: 300 },
    ],
  });
  expect(input({ volumesOnly: true, zone: 'us-east-1b' })).toEqual({
    restorePoint: { workload: 'not-known-yet' },
    restoreTo: 'volumes',
    target: { availabilityZone: 'us-east-1b' },
  });
});

test('the instance that was backed up is asked for with --original', () => {
  expect(input({ original: true })).toEqual({
    restorePoint: { workload: 'not-known-yet' },
    restoreTo: 'original',
  });
});

test('a flag takes the place of what says the same in the request file', () => {
  const file = {
    target: {
      namePrefix: 'dr-',
      instanceTypes: ['t3.small', 't3.medium'],
      subnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
      metadataOptions: { httpTokens: 'required', httpPutResponseHopLimit: 1 },
    },
    disks: [{ id: 'root', volumeType: 'gp3' }, { id: 'data' }],
  };
  const flags = {
    name: 'web02',
    instanceType: ['m7i.large'],
    zone: 'us-east-1b',
    volumesOnly: true,
    imdsHopLimit: 2,
    excludeDisk: ['data'],
    initializationRate: { root: '100' },
  };
  expect(input(flags, { file })).toEqual({
    restorePoint: { workload: 'not-known-yet' },
    restoreTo: 'volumes',
    target: {
      name: 'web02',
      instanceType: 'm7i.large',
      availabilityZone: 'us-east-1b',
      metadataOptions: { httpTokens: 'required', httpPutResponseHopLimit: 2 },
    },
    disks: [
      { id: 'root', volumeType: 'gp3', initializationRate: 100 },
      { id: 'data', exclude: true },
    ],
  });
  expect(() => input({ initializationRate: { root: 'fast' } })).toThrow(
    'disks[0].initializationRate = "fast"',
  );
});

test('a request that names no restore point waits for the repository to say which machine there is', () => {
  const open = (file?: unknown) =>
    makeRestoreRequest({ flags: {}, file, choice: parsePointFlags({ point: 'latest' }) }).pointIsOpen;
  expect(open()).toBe(true);
  expect(open({ restorePoint: ID })).toBe(false);
});

test('everything that is wrong is named at once, with field, value and fix', () => {
  const file = { targets: {}, disks: [{ id: 'a' }, { id: 'a' }] };
  const make = () => input({ subnet: ['subnet-x'] }, { file });
  expect(make).toThrow(
    'targets = {}: is not a field of a restore request. Remove it, or correct its spelling',
  );
  expect(make).toThrow('target.subnetId = "subnet-x": must be an id like subnet-0123456789abcdef0');
  expect(make).toThrow('disks[1].id = "a": is named twice. Merge the two entries into one');
});

test.each([[[[]]], [[[1]]], ['text'], [7], [null], [{ target: 'x' }], [{ helper: 'x' }]])(
  'a request file that holds %j is refused',
  (file) => {
    expect(() => input({}, { file })).toThrow('the restore request is not good');
  },
);

test.each([
  [{ point: 'web01' }, 'restore point "web01" is not of the form'],
  [{ point: ID, workload: 'web01' }, '--point with an id says which restore point it is'],
  [{ point: 'latest', workload: 'web01', at: new Date() }, '--point latest and --at contradict each other'],
  [{ at: new Date() }, '--at needs --workload'],
  [{ workload: 'a b' }, 'workload name "a b"'],
])('restore point flags %j are refused', (point, message) => {
  expect(() => parsePointFlags(point)).toThrow(message);
});
