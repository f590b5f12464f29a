import type { Instance } from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import { manifestSchema } from '../../core/model/manifest.ts';
import { Findings } from '../../lambdas/restore/plan/findings.ts';
import { whyNotOriginal } from '../../lambdas/restore/plan/original.ts';
import { atOriginal, devicesOf } from '../../lambdas/restore/plan/original-devices.ts';

const ID = 'i-0123456789abcdef0';
const instance = (more: Partial<Instance> = {}): Instance => ({
  InstanceId: ID,
  State: { Name: 'running' },
  RootDeviceType: 'ebs',
  RootDeviceName: '/dev/xvda',
  ...more,
});

describe('an instance may get its volumes replaced', () => {
  const problemOf = (more: Partial<Instance>) =>
    whyNotOriginal(instance(more), { id: ID, restoreId: 'mine' })?.problem;

  it.each<[string, Partial<Instance>]>([
    ['running', {}],
    ['stopped', { State: { Name: 'stopped' } }],
    ['the result of a restore', { Tags: [{ Key: 'landfall:role', Value: 'result' }] }],
    [
      'borrowed by an earlier try of this restore',
      { Tags: [{ Key: 'landfall:borrowed-by', Value: 'mine' }] },
    ],
  ])('when it is %s', (_what, more) => {
    expect(problemOf(more)).toBeUndefined();
  });

  it.each<[string, Partial<Instance>]>([
    [`${ID} that was backed up is terminated`, { State: { Name: 'terminated' } }],
    ['is shutting-down', { State: { Name: 'shutting-down' } }],
    ['is pending', { State: { Name: 'pending' } }],
    ['is stopping', { State: { Name: 'stopping' } }],
    ['is no EBS volume', { RootDeviceType: 'instance-store' }],
    ['Marketplace', { ProductCodes: [{ ProductCodeType: 'marketplace', ProductCodeId: 'x' }] }],
    ['is a spot instance', { InstanceLifecycle: 'spot' }],
    ['Auto Scaling group web would replace', { Tags: [{ Key: 'aws:autoscaling:groupName', Value: 'web' }] }],
    ['tagged as temporary', { Tags: [{ Key: 'landfall:role', Value: 'temporary' }] }],
    ['tagged as helper', { Tags: [{ Key: 'landfall:role', Value: 'helper' }] }],
    ['restore other has borrowed', { Tags: [{ Key: 'landfall:borrowed-by', Value: 'other' }] }],
  ])('but not where %s', (problem, more) => {
    expect(problemOf(more)).toContain(problem);
  });
});

const digest = '0'.repeat(64);
const disk = (id: string, order: number, more: object) => ({
  ...{ id, order, size: 1024 ** 3, boot: order === 0, object: digest, diskDigest: digest },
  ...{ writtenDigest: digest, writtenBlocks: 1, segmentBytes: 8 * 1024 ** 2 },
  ...more,
});
const manifestOf = (...disks: object[]) =>
  manifestSchema.parse({
    format: 1,
    workload: { name: 'web01', kind: 'ec2', platform: 'linux', architecture: 'x86_64' },
    time: '2026-01-01T00:00:00Z',
    disks,
  });
const attached = (DeviceName: string, VolumeId: string, DeleteOnTermination = false) => ({
  DeviceName,
  Ebs: { VolumeId, DeleteOnTermination },
});

describe('the volumes of the original that are replaced', () => {
  const manifest = manifestOf(
    disk('root', 0, { deviceName: '/dev/sda1' }),
    // Attached under another name by now.
    disk('moved', 1, { deviceName: '/dev/sdf', volume: { volumeId: 'vol-moved' } }),
    // Its volume was exchanged by an earlier restore.
    disk('exchanged', 2, { deviceName: '/dev/sdg', volume: { volumeId: 'vol-before' } }),
    // Detached since.
    disk('gone', 3, { deviceName: '/dev/sdh', volume: { volumeId: 'vol-gone' } }),
  );
  const findings = new Findings();
  const devices = devicesOf(
    instance({
      BlockDeviceMappings: [
        attached('/dev/xvda', 'vol-root', true),
        attached('/dev/sdk', 'vol-moved'),
        attached('/dev/sdg', 'vol-now', true),
        attached('/dev/sdz', 'vol-extra'),
      ],
    }),
    { manifest, findings },
  );

  it('are the root, those that were backed up wherever they are, and those in the place of others', () => {
    expect(devices).toEqual({
      rootDeviceName: '/dev/xvda',
      replaced: [
        { diskId: 'root', volumeId: 'vol-root', deviceName: '/dev/xvda', deleteOnTermination: true },
        { diskId: 'moved', volumeId: 'vol-moved', deviceName: '/dev/sdk', deleteOnTermination: false },
        { diskId: 'exchanged', volumeId: 'vol-now', deviceName: '/dev/sdg', deleteOnTermination: true },
      ],
      keptDeviceNames: ['/dev/sdz'],
    });
  });

  it('give the disks their names; one that has none there keeps that of the restore point', () => {
    const names = atOriginal(manifest, devices).disks.map(({ deviceName }) => deviceName);
    expect(names).toEqual(['/dev/xvda', '/dev/sdk', '/dev/sdg', '/dev/sdh']);
  });

  it('are warned of where they are not what was backed up, and so are those that stay', () => {
    expect(findings.warnings.map(({ problem }) => problem)).toEqual([
      'disk exchanged was volume vol-before; vol-now, which is attached as /dev/sdg now, is replaced',
      `vol-extra is none of the disks that are restored: it stays attached to ${ID} as /dev/sdz, as it is`,
    ]);
  });
});
