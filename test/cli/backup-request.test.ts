import { expect, test } from 'vitest';
import { makeBackupRequest, parseDiskFlags, type WorkloadFlags } from '../../cli/backup/backup-request.ts';
import type { AttachedVolume, SourceMachine } from '../../cli/backup/source-instance.ts';

test('a disk flag is a path, or an id and a path', () => {
  expect(parseDiskFlags(['/a.img', 'data=/b=c.img', './x=y.img', 'vol-0d2b8e4f6a7c13579=/dev/sdc'])).toEqual([
    { id: 'disk0', path: '/a.img' },
    { id: 'data', path: '/b=c.img' },
    { id: 'disk2', path: './x=y.img' },
    { id: 'vol-0d2b8e4f6a7c13579', path: '/dev/sdc' },
  ]);
  expect(() => parseDiskFlags(['a=/x', 'a=/y'])).toThrow('two disks have the id "a"');
});

const flags = (disks: string[], more: Partial<WorkloadFlags> = {}): WorkloadFlags => ({
  disks: parseDiskFlags(disks),
  deviceNames: {},
  tags: {},
  ...more,
});

const volume = (n: number, deviceName: string, isRoot = false): AttachedVolume => ({
  volumeId: `vol-0000000000000000${n}`,
  deviceName,
  isRoot,
  settings: { volumeId: `vol-0000000000000000${n}`, volumeType: 'gp3', tags: {} },
});

const MACHINE: SourceMachine = {
  source: {
    instanceId: 'i-00000000000000001',
    securityGroupIds: [],
    networkInterfaces: [],
    tags: { Name: 'web 01' },
  },
  workload: { platform: 'linux', architecture: 'arm64', bootMode: 'uefi', tags: { Name: 'web 01' } },
  volumes: [volume(1, '/dev/sdf'), volume(2, '/dev/xvda', true), volume(3, '/dev/sdg')],
};

test('flags alone: the first disk boots, Linux on x86_64 unless said otherwise', () => {
  const { workload, disks, notes } = makeBackupRequest(
    flags(['/a', '/b'], {
      name: 'db01',
      kind: 'physical',
      tags: { team: 'db' },
      deviceNames: { disk1: '/dev/sdb' },
    }),
  );
  expect(workload).toEqual({
    name: 'db01',
    kind: 'physical',
    platform: 'linux',
    architecture: 'x86_64',
    tags: { team: 'db' },
  });
  expect(disks).toMatchObject([
    { id: 'disk0', path: '/a', boot: true },
    { id: 'disk1', path: '/b', boot: false, deviceName: '/dev/sdb' },
  ]);
  expect(notes).toEqual([]);
});

test('a source instance: disks are its volumes in the order of its block devices, its root boots', () => {
  const { workload, disks, notes } = makeBackupRequest(flags(['/a', 'root=/b', '/c']), MACHINE);
  expect(workload).toMatchObject({
    // "web 01" cannot be a workload's name.
    name: 'i-00000000000000001',
    kind: 'ec2',
    architecture: 'arm64',
    bootMode: 'uefi',
    tags: { Name: 'web 01' },
  });
  expect(disks.map(({ id, boot, deviceName, volume: of }) => [id, boot, deviceName, of?.volumeId])).toEqual([
    ['disk0', false, '/dev/sdf', 'vol-00000000000000001'],
    ['root', true, '/dev/xvda', 'vol-00000000000000002'],
    ['disk2', false, '/dev/sdg', 'vol-00000000000000003'],
  ]);
  expect(notes).toEqual([]);
});

test('a disk is matched by volume id and by device name before order', () => {
  const { disks, notes } = makeBackupRequest(
    flags(['vol-00000000000000002=/b', 'x=/c'], { deviceNames: { x: '/dev/sdg' } }),
    MACHINE,
  );
  expect(disks.map(({ id, boot, volume: of }) => [id, boot, of?.volumeId])).toEqual([
    ['vol-00000000000000002', true, 'vol-00000000000000002'],
    ['x', false, 'vol-00000000000000003'],
  ]);
  expect(notes).toEqual([
    '2 disks are backed up; of the source instance these volumes are not among them: vol-00000000000000001 (/dev/sdf)',
  ]);
});

test('flags win over the source instance', () => {
  const { workload } = makeBackupRequest(
    flags(['/a', '/b', '/c'], { name: 'other', architecture: 'x86_64', tags: { Name: 'new' } }),
    MACHINE,
  );
  expect(workload).toMatchObject({ name: 'other', architecture: 'x86_64', tags: { Name: 'new' } });
});

test.each([
  ['no kind', flags(['/a'], { name: 'x' }), undefined, 'nothing says where the machine comes from'],
  ['no name', flags(['/a'], { kind: 'vmware' }), undefined, 'the machine has no name'],
  ['a bad name', flags(['/a'], { kind: 'vmware', name: 'a b' }), undefined, 'name: workload name "a b"'],
  [
    'an unknown boot disk',
    flags(['/a'], { kind: 'ec2', name: 'x', boot: 'y' }),
    undefined,
    '--boot names disk "y"',
  ],
  [
    'a device name for no disk',
    flags(['/a'], { kind: 'ec2', name: 'x', deviceNames: { y: '/dev/sdb' } }),
    undefined,
    '--device-name names disk "y"',
  ],
  ['more disks than volumes', flags(['/a', '/b', '/c', '/d']), MACHINE, 'disk disk3 (/d) has no volume'],
  ['no root volume', flags(['/a']), MACHINE, 'none of the disks is the root volume'],
] as const)('refuses %s', (_what, given, machine, message) => {
  expect(() => makeBackupRequest(given, machine)).toThrow(message);
});
