import type { Image, ImportImageTask } from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import { planSchema } from '../../core/model/plan.ts';
import { ImportedImageUnexpected, requireAsPlanned } from '../../lambdas/restore/import-image/adopt.ts';
import { plan as anyPlan } from '../cli/helper-records.ts';

/** Of a machine with disks root and data, in this order, whose objects have these keys. */
const plan = planSchema.parse({
  ...anyPlan(),
  conversion: { kind: 'import-image', platform: 'linux', encrypted: false, diskIds: ['root', 'data'] },
  disks: anyPlan().disks.map((disk) => ({
    ...disk,
    upload: { objectKey: `disks/${disk.id}.raw`, partSegments: 1, batchSegments: 1 },
  })),
  target: {
    ...anyPlan().target,
    launchImage: { kind: 'imported', reason: 'a test', rootDeviceName: '/dev/sda1' },
  },
});

const image = (more: Image = {}): Image => ({
  ImageId: 'ami-1',
  State: 'available',
  RootDeviceName: '/dev/sda1',
  BlockDeviceMappings: [
    { DeviceName: '/dev/sda1', Ebs: { SnapshotId: 'snap-1' } },
    { DeviceName: '/dev/sdb', Ebs: { SnapshotId: 'snap-2' } },
  ],
  ...more,
});

type Details = NonNullable<ImportImageTask['SnapshotDetails']>;
const fromObject = (id: string) => ({ UserBucket: { S3Bucket: 'bucket', S3Key: `disks/${id}.raw` } });

const check = (SnapshotDetails: Details, made = image()) =>
  requireAsPlanned({ plan, task: { SnapshotDetails }, image: made });

describe('an imported image', () => {
  it.each<[string, Details]>([
    [
      'told by their objects, in any order',
      [
        { ...fromObject('data'), DeviceName: '/dev/sdb' },
        { ...fromObject('root'), DeviceName: '/dev/sda1' },
      ],
    ],
    [
      'told by their descriptions',
      [
        { Description: 'data', DeviceName: '/dev/sdb' },
        { Description: 'root', DeviceName: '/dev/sda1' },
      ],
    ],
    ['told by their order alone', [{ DeviceName: '/dev/sda1' }, { DeviceName: '/dev/sdb' }]],
    ['told by their snapshots', [{ SnapshotId: 'snap-1' }, { SnapshotId: 'snap-2' }]],
  ])('is taken with its disks %s', (_how, details) => {
    expect(() => check(details)).not.toThrow();
  });

  it.each<[string, Details, Image, RegExp]>([
    [
      'that boots from another disk',
      [
        { ...fromObject('root'), DeviceName: '/dev/sdb' },
        { ...fromObject('data'), DeviceName: '/dev/sda1' },
      ],
      {},
      /^image ami-1 boots from another disk than root$/,
    ],
    [
      'that lacks a disk',
      [{ DeviceName: '/dev/sda1' }, { DeviceName: '/dev/sdc' }],
      {},
      /^image ami-1 has no volume of its own for data$/,
    ],
    [
      'whose disks are one',
      [{ DeviceName: '/dev/sda1' }, { DeviceName: '/dev/sda1' }],
      {},
      /^image ami-1 has no volume of its own for data$/,
    ],
    [
      'that is in error, with another root',
      [{ SnapshotId: 'snap-1' }, { SnapshotId: 'snap-2' }],
      {
        State: 'error',
        RootDeviceName: '/dev/xvda',
        BlockDeviceMappings: [
          { DeviceName: '/dev/xvda', Ebs: { SnapshotId: 'snap-1' } },
          { DeviceName: '/dev/sdb', Ebs: { SnapshotId: 'snap-2' } },
        ],
      },
      /^image ami-1 is error; boots from \/dev\/xvda, not from \/dev\/sda1$/,
    ],
  ])('is not taken %s', (_what, details, more, message) => {
    expect(() => check(details, image(more))).toThrow(ImportedImageUnexpected);
    expect(() => check(details, image(more))).toThrow(message);
  });
});
