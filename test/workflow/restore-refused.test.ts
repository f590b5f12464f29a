import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { parseBytes, parseDiskId } from '../../core/model/ids.ts';
import { workloadSchema } from '../../core/model/manifest.ts';
import { backUp } from '../../core/repository/index.ts';
import { MIB, makeRestoreBench, type RestoreBench, sparseDisk } from '../support/restore-bench.ts';

let bench: RestoreBench;
let restorePoint: string;
beforeAll(async () => {
  bench = await makeRestoreBench(inject('assemblyFolder'));
  restorePoint = await bench.backUp([
    sparseDisk('root', 9 * MIB, { boot: true }),
    sparseDisk('data', 9 * MIB),
  ]);
});
afterAll(() => bench?.stop());

const good = () => ({ restorePoint, target: { instanceType: 'm6i.large', subnetId: bench.subnetId } });
const UNKNOWN = `rp-20200101T000000Z-${'0'.repeat(64)}`;

/** What was asked, and what the refusal must name: field, value, and a fix. */
const REFUSED: [string, () => unknown, (string | RegExp)[]][] = [
  [
    'an unknown restore point',
    () => ({ ...good(), restorePoint: UNKNOWN }),
    ['restorePoint', UNKNOWN, 'landfall points'],
  ],
  [
    'a workload without restore points',
    () => ({ ...good(), restorePoint: { workload: 'nobody' } }),
    ['restorePoint', 'nobody'],
  ],
  [
    'a subnet that does not exist',
    () => ({ restorePoint, target: { instanceType: 'm6i.large', subnetId: 'subnet-0123456789abcdef0' } }),
    ['target.subnetId', 'subnet-0123456789abcdef0', /Give a subnet of this region, e\.g\. subnet-/],
  ],
  [
    'no subnet at all',
    () => ({ restorePoint, target: { instanceType: 'm6i.large' } }),
    ['target.subnetId', 'nothing', 'Give a subnet'],
  ],
  [
    'a data disk named twice',
    () => ({ ...good(), disks: [{ id: 'data' }, { id: 'data' }] }),
    ['disks[1].id', 'data', 'Merge'],
  ],
  [
    'a disk that does not exist',
    () => ({ ...good(), disks: [{ id: 'dada' }] }),
    ['disks[0].id', 'dada', 'root, data'],
  ],
  ['an unknown field', () => ({ ...good(), colour: 'blue' }), ['colour', 'blue', 'Remove it']],
  [
    'an instance type that does not exist',
    () => ({ restorePoint, target: { instanceType: 'm99.huge', subnetId: bench.subnetId } }),
    ['target.instanceType', 'm99.huge', 'Choose another'],
  ],
  [
    'an instance type of another architecture',
    () => ({ restorePoint, target: { instanceType: 'm7g.large', subnetId: bench.subnetId } }),
    ['target.instanceType', 'm7g.large', 'arm64', 'x86_64'],
  ],
  [
    'a security group that does not exist',
    () => ({ restorePoint, target: { ...good().target, securityGroupIds: ['sg-0123456789abcdef0'] } }),
    ['target.securityGroupIds[0]', 'sg-0123456789abcdef0', 'Give groups of that VPC'],
  ],
  [
    'an address of another subnet',
    () => ({ restorePoint, target: { ...good().target, privateIpAddress: '10.1.2.3' } }),
    ['target.privateIpAddress', '10.1.2.3', 'Choose an address'],
  ],
  [
    'a key pair that does not exist',
    () => ({ restorePoint, target: { ...good().target, keyName: 'lost' } }),
    ['target.keyName', 'lost', 'leave it out'],
  ],
  [
    'an image that does not exist',
    () => ({ restorePoint, target: { ...good().target, imageId: 'ami-0123456789abcdef0' } }),
    ['target.imageId', 'ami-0123456789abcdef0', 'leave it out'],
  ],
  [
    'settings that no volume has',
    () => ({ ...good(), disks: [{ id: 'data', volumeType: 'gp3', throughput: 5000 }] }),
    ['disks[0].throughput', '5000', '125 to 750'],
  ],
  [
    'a root volume on a type that cannot boot',
    () => ({ ...good(), disks: [{ id: 'root', volumeType: 'st1' }] }),
    ['disks[0].volumeType', 'st1', 'Choose'],
  ],
  [
    'a repository that does not exist',
    () => ({ ...good(), repository: 's3://no-such-bucket-anywhere/x' }),
    ['repository', 's3://no-such-bucket-anywhere/x'],
  ],
];

/** What a restore may call before it is refused: reads, and nothing else. */
const READS = /^(Describe|Get|Head|List)/;

describe('a restore is refused before anything is created', () => {
  it.each(REFUSED)('for %s', async (_what, request, expected) => {
    const before = await bench.inventory();
    const { status, error, cause, executionArn } = await bench.restore(request());
    expect(status).toBe('FAILED');
    expect(error).toBe('BadRequest');
    for (const part of expected) {
      if (typeof part === 'string') expect(cause).toContain(part);
      else expect(cause).toMatch(part);
    }
    expect(await bench.inventory()).toEqual(before);
    const writes = bench.region.calls
      .entries()
      .filter(
        ({ execution, service, operation }) =>
          execution === executionArn && service !== 'lambda' && !READS.test(operation),
      );
    expect(writes.map(({ operation }) => operation)).toEqual([]);
  });

  it('with all that is wrong at once', async () => {
    const { cause } = await bench.restore({
      restorePoint,
      target: {
        instanceType: 'm7g.large',
        subnetId: bench.subnetId,
        keyName: 'lost',
        privateIpAddress: '10.1.2.3',
        securityGroupIds: ['sg-0123456789abcdef0'],
      },
      disks: [{ id: 'dada' }, { id: 'root', volumeType: 'st1' }, { id: 'data', volumeType: 'gp3', iops: 10 }],
    });
    const fields = (cause ?? '').split('\n').map((line) => line.split(' = ')[0]);
    for (const field of [
      'target.instanceType',
      'target.keyName',
      'target.privateIpAddress',
      'target.securityGroupIds[0]',
      'disks[0].id',
      'disks[1].volumeType',
      'disks[2].iops',
    ]) {
      expect(fields).toContain(field);
    }
  });

  it('for a disk over the limit of the strategy', async () => {
    const root = parseDiskId('root');
    // 8 TiB of holes: a backup of nothing but its size.
    const { restorePoint: point } = await backUp(bench.repository, {
      workload: workloadSchema.parse({
        name: 'huge',
        kind: 'ec2',
        platform: 'linux',
        architecture: 'x86_64',
        usageOperation: 'RunInstances',
      }),
      time: new Date(),
      disks: [
        {
          id: root,
          boot: true,
          source: {
            size: parseBytes(8 * 1024 ** 4),
            read: () => Promise.reject(new Error('there is nothing to read')),
            nextData: async () => undefined,
          },
        },
      ],
    });
    const before = await bench.inventory();
    const { error, cause } = await bench.restore({ ...good(), strategy: 'upload', restorePoint: point });
    expect(error).toBe('BadRequest');
    expect(cause).toContain(
      'disk root = 8796093022208 bytes: strategy upload takes disks of less than 8 TiB',
    );
    expect(cause).toContain('Use strategy helper');
    expect(await bench.inventory()).toEqual(before);
  });
});
