import { stat } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { codeOf, failure, makeVolume, openTestEc2, type TestEc2, volumeOf } from './ec2-harness.ts';

let ec2: TestEc2;
beforeEach(async () => {
  ec2 = await openTestEc2();
});
afterEach(() => ec2.close());

const ZONE = 'us-east-1a';

describe('CreateVolume', () => {
  it('is creating for three seconds, then available, and says so in an event', async () => {
    const { VolumeId = '' } = await ec2.api.createVolume({
      AvailabilityZone: ZONE,
      Size: 2,
      VolumeType: 'gp3',
    });
    expect(VolumeId).toMatch(/^vol-[0-9a-f]{17}$/);
    await ec2.advance(2.9);
    expect((await volumeOf(ec2, VolumeId)).State).toBe('creating');
    await ec2.advance(0.1);
    expect(await volumeOf(ec2, VolumeId)).toMatchObject({
      State: 'available',
      Size: 2,
      VolumeType: 'gp3',
      Iops: 3000,
      Throughput: 125,
      AvailabilityZone: ZONE,
      Encrypted: false,
      SnapshotId: '',
      Attachments: [],
      Tags: [],
      CreateTime: new Date('2026-11-22T12:00:00.000Z'),
    });
    expect(ec2.events.at(-1)).toMatchObject({
      source: 'aws.ec2',
      detailType: 'EBS Volume Notification',
      resources: [`arn:aws:ec2:us-east-1:123456789012:volume/${VolumeId}`],
      detail: { event: 'createVolume', result: 'available', cause: '' },
    });
  });

  it('makes a sparse file of exactly the size', async () => {
    const id = await makeVolume(ec2, 64);
    const { size, blocks } = await stat(ec2.service.volumeFile(id) ?? '');
    expect(size).toBe(68_719_476_736);
    expect(blocks).toBe(0);
  });

  it('is gp2 unless told otherwise', async () => {
    const volume = await ec2.api.createVolume({ AvailabilityZone: ZONE, Size: 100 });
    expect(volume).toMatchObject({ VolumeType: 'gp2', Iops: 300 });
    expect(volume.Throughput).toBeUndefined();
  });

  it.each([
    [{ Size: 1 }, 'MissingParameter'],
    [{ AvailabilityZone: ZONE, AvailabilityZoneId: 'use1-az1', Size: 1 }, 'InvalidParameterCombination'],
    [{ AvailabilityZone: 'us-east-1q', Size: 1 }, 'InvalidZone.NotFound'],
    [{ AvailabilityZone: ZONE }, 'MissingParameter'],
    [{ AvailabilityZone: ZONE, SnapshotId: 'snap-00000000000000000' }, 'InvalidSnapshot.NotFound'],
    [{ AvailabilityZone: ZONE, SnapshotId: 'snapshot' }, 'InvalidParameterValue'],
    [{ AvailabilityZone: ZONE, Size: 0 }, 'InvalidParameterValue'],
    [{ AvailabilityZone: ZONE, Size: 1, VolumeType: 'gp4' as string as 'gp3' }, 'InvalidParameterValue'],
    // A name that every object of the language has is no type either.
    [{ AvailabilityZone: ZONE, Size: 1, VolumeType: 'toString' as string as 'gp3' }, 'InvalidParameterValue'],
    [{ AvailabilityZone: ZONE, Size: 16_385, VolumeType: 'gp2' as const }, 'InvalidParameterValue'],
    [{ AvailabilityZone: ZONE, Size: 65_537, VolumeType: 'gp3' as const }, 'InvalidParameterValue'],
    [{ AvailabilityZone: ZONE, Size: 124, VolumeType: 'st1' as const }, 'InvalidParameterValue'],
    [{ AvailabilityZone: ZONE, Size: 3, VolumeType: 'io2' as const, Iops: 100 }, 'InvalidParameterValue'],
    [{ AvailabilityZone: ZONE, Size: 4, VolumeType: 'io1' as const }, 'InvalidParameterCombination'],
    [
      { AvailabilityZone: ZONE, Size: 4, VolumeType: 'gp2' as const, Iops: 3000 },
      'InvalidParameterCombination',
    ],
    [
      { AvailabilityZone: ZONE, Size: 4, VolumeType: 'standard' as const, Throughput: 125 },
      'InvalidParameterCombination',
    ],
    [
      { AvailabilityZone: ZONE, Size: 4, Encrypted: false, KmsKeyId: 'alias/x' },
      'InvalidParameterDependency',
    ],
    [{ AvailabilityZone: ZONE, Size: 4, VolumeInitializationRate: 200 }, 'InvalidParameterCombination'],
    [{ AvailabilityZone: ZONE, Size: 4, OutpostArn: 'arn:aws:outposts:x' }, 'UnsupportedOperation'],
    [{ AvailabilityZone: ZONE, Size: 4, MultiAttachEnabled: true }, 'UnsupportedOperation'],
    [{ AvailabilityZone: ZONE, Size: 1, DryRun: true }, 'DryRunOperation'],
  ])('refuses %j as %s', async (input, code) => {
    expect(await codeOf(ec2.api.createVolume(input))).toBe(code);
    expect((await ec2.api.describeVolumes({})).Volumes).toEqual([]);
  });

  it('names what is wrong in AWS words', async () => {
    const ratio = { AvailabilityZone: ZONE, Size: 20, VolumeType: 'gp3' as const, Iops: 15_000 };
    expect(await failure(ec2.api.createVolume(ratio))).toEqual({
      code: 'InvalidParameterValue',
      message: 'Iops to volume size ratio of 750.000000 is too high; maximum is 500',
    });
    const fast = { AvailabilityZone: ZONE, Size: 20, VolumeType: 'gp3' as const, Throughput: 1000 };
    expect(await failure(ec2.api.createVolume(fast))).toEqual({
      code: 'InvalidParameterValue',
      message: 'Throughput (MiBps) to iops ratio of 0.333333 is too high; maximum is 0.250000 MiBps per iops',
    });
  });

  it('takes the largest gp3 volume there is on paper', async () => {
    const input = {
      AvailabilityZone: ZONE,
      Size: 160,
      VolumeType: 'gp3' as const,
      Iops: 80_000,
      Throughput: 2000,
    };
    expect(await ec2.api.createVolume(input)).toMatchObject({ Iops: 80_000, Throughput: 2000 });
  });

  it('gives the same volume for the same client token and refuses another request with it', async () => {
    const input = { AvailabilityZone: ZONE, Size: 1, ClientToken: 'token-1' };
    const first = await ec2.api.createVolume(input);
    await ec2.advance(3);
    const second = await ec2.api.createVolume({ ...input });
    expect(second.VolumeId).toBe(first.VolumeId);
    expect(second.State).toBe('available');
    expect(await codeOf(ec2.api.createVolume({ ...input, Size: 2 }))).toBe('IdempotentParameterMismatch');
    await ec2.api.deleteVolume({ VolumeId: first.VolumeId ?? '' });
    await ec2.advance(5);
    expect((await ec2.api.createVolume(input)).State).toBe('deleted');
  });

  it('shows a bad KMS key only after the call, as an error', async () => {
    const asked = {
      AvailabilityZone: ZONE,
      Size: 1,
      Encrypted: true,
      KmsKeyId: 'arn:aws:kms:eu-west-1:1:key/x',
    };
    const { VolumeId = '', State } = await ec2.api.createVolume(asked);
    expect(State).toBe('creating');
    await ec2.advance(4);
    expect((await volumeOf(ec2, VolumeId)).State).toBe('error');
    expect(ec2.events.at(-1)?.detail).toMatchObject({ event: 'createVolume', result: 'failed' });
  });

  it('is encrypted by the default of the account', async () => {
    await ec2.api.enableEbsEncryptionByDefault({});
    const {
      VolumeId = '',
      Encrypted,
      KmsKeyId,
    } = await ec2.api.createVolume({ AvailabilityZone: ZONE, Size: 1 });
    expect(Encrypted).toBe(true);
    expect(KmsKeyId).toMatch(/^arn:aws:kms:us-east-1:123456789012:key\//);
    await ec2.advance(3);
    expect((await volumeOf(ec2, VolumeId)).State).toBe('available');
  });
});

describe('DeleteVolume', () => {
  it('passes through deleting and takes the file away', async () => {
    const id = await makeVolume(ec2);
    const file = ec2.service.volumeFile(id) ?? '';
    await ec2.api.deleteVolume({ VolumeId: id });
    expect((await volumeOf(ec2, id)).State).toBe('deleting');
    expect(await codeOf(ec2.api.deleteVolume({ VolumeId: id }))).toBe('IncorrectState');
    await ec2.advance(5);
    expect(await codeOf(ec2.api.describeVolumes({ VolumeIds: [id] }))).toBe('InvalidVolume.NotFound');
    await expect(stat(file)).rejects.toThrow('ENOENT');
    expect(ec2.service.volumeFile(id)).toBeUndefined();
    expect(ec2.events.at(-1)?.detail).toMatchObject({ event: 'deleteVolume', result: 'deleted' });
  });

  it('refuses a volume that is still creating', async () => {
    const { VolumeId = '' } = await ec2.api.createVolume({ AvailabilityZone: ZONE, Size: 1 });
    expect(await codeOf(ec2.api.deleteVolume({ VolumeId }))).toBe('IncorrectState');
  });
});

describe('ModifyVolume', () => {
  it('grows the volume and its file, then optimizes', async () => {
    const id = await makeVolume(ec2, 1);
    const { VolumeModification } = await ec2.api.modifyVolume({ VolumeId: id, Size: 3, Iops: 1500 * 2 });
    expect(VolumeModification).toMatchObject({
      ModificationState: 'modifying',
      OriginalSize: 1,
      TargetSize: 3,
    });
    await ec2.advance(6);
    expect((await volumeOf(ec2, id)).Size).toBe(3);
    expect((await stat(ec2.service.volumeFile(id) ?? '')).size).toBe(3 * 1024 ** 3);
    expect(await codeOf(ec2.api.modifyVolume({ VolumeId: id, Size: 4 }))).toBe('IncorrectModificationState');
    await ec2.advance(60);
    const { VolumesModifications } = await ec2.api.describeVolumesModifications({ VolumeIds: [id] });
    expect(VolumesModifications?.[0]).toMatchObject({ ModificationState: 'completed', Progress: 100 });
    expect(await codeOf(ec2.api.modifyVolume({ VolumeId: id, Size: 2 }))).toBe('InvalidParameterValue');
  });
});

describe('DescribeVolumes', () => {
  it('filters by state, zone, size and tags with wildcards', async () => {
    const tagged = await ec2.api.createVolume({
      AvailabilityZone: 'us-east-1b',
      Size: 7,
      TagSpecifications: [{ ResourceType: 'volume', Tags: [{ Key: 'landfall:restore', Value: 'r-17' }] }],
    });
    const other = await makeVolume(ec2, 1);
    const idsBy = async (Name: string, ...Values: string[]) => {
      const { Volumes } = await ec2.api.describeVolumes({ Filters: [{ Name, Values }] });
      return Volumes?.map((volume) => volume.VolumeId);
    };
    expect(await idsBy('availability-zone', 'us-east-1b')).toEqual([tagged.VolumeId]);
    expect(await idsBy('tag:landfall:restore', 'r-*')).toEqual([tagged.VolumeId]);
    expect(await idsBy('tag-key', 'landfall:?estore')).toEqual([tagged.VolumeId]);
    expect(await idsBy('size', '1', '2')).toEqual([other]);
    expect(await idsBy('status', 'available')).toEqual([tagged.VolumeId, other]);
    expect(await idsBy('volume-type', 'GP3')).toEqual([]);
    expect(await codeOf(ec2.api.describeVolumes({ Filters: [{ Name: 'colour', Values: ['red'] }] }))).toBe(
      'InvalidParameterValue',
    );
  });

  it('pages, even while what was listed is deleted', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 12; i++) ids.push(await makeVolume(ec2));
    const first = await ec2.api.describeVolumes({ MaxResults: 5 });
    expect(first.Volumes?.map((volume) => volume.VolumeId)).toEqual(ids.slice(0, 5));
    for (const VolumeId of ids.slice(0, 5)) await ec2.api.deleteVolume({ VolumeId });
    await ec2.advance(5);
    const second = await ec2.api.describeVolumes({ MaxResults: 5, NextToken: first.NextToken ?? '' });
    expect(second.Volumes?.map((volume) => volume.VolumeId)).toEqual(ids.slice(5, 10));
    const third = await ec2.api.describeVolumes({ MaxResults: 5, NextToken: second.NextToken ?? '' });
    expect(third.Volumes?.map((volume) => volume.VolumeId)).toEqual(ids.slice(10));
    expect(third.NextToken).toBeUndefined();
    expect(await codeOf(ec2.api.describeVolumes({ MaxResults: 4 }))).toBe('InvalidParameterValue');
    expect(await codeOf(ec2.api.describeVolumes({ NextToken: 'x' }))).toBe('InvalidParameterValue');
    const both = { VolumeIds: [ids[11] ?? ''], MaxResults: 5 };
    expect(await codeOf(ec2.api.describeVolumes(both))).toBe('InvalidParameterCombination');
  });

  it('names every id that is missing', async () => {
    const id = await makeVolume(ec2);
    const input = { VolumeIds: ['vol-00000000000000001', id, 'vol-00000000000000002'] };
    expect(await failure(ec2.api.describeVolumes(input))).toEqual({
      code: 'InvalidVolume.NotFound',
      message: "The volume 'vol-00000000000000001, vol-00000000000000002' does not exist.",
    });
  });
});
