import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  AL2023_X86,
  codeOf,
  makeVolume,
  openTestEc2,
  runInstance,
  SUBNET_A,
  stateOf,
  type TestEc2,
  volumeOf,
} from './ec2-harness.ts';

/** What EC2 does with keys of KMS that it can use, and with those it cannot. */

let ec2: TestEc2;
let key: string;
beforeEach(async () => {
  ec2 = await openTestEc2();
  key = (await ec2.kms.createKey({})).KeyMetadata?.Arn ?? '';
  await ec2.kms.createAlias({ AliasName: 'alias/disks', TargetKeyId: key });
});
afterEach(() => ec2.close());

const encrypted = (KmsKeyId: string) => ({
  AvailabilityZone: 'us-east-1a',
  Size: 1,
  Encrypted: true,
  KmsKeyId,
});

async function makeEncrypted(): Promise<string> {
  const { VolumeId = '' } = await ec2.api.createVolume(encrypted(key));
  await ec2.advance(3);
  expect((await volumeOf(ec2, VolumeId)).State).toBe('available');
  return VolumeId;
}

const KEYS_THAT_FAIL = [
  ['is disabled', () => ec2.kms.disableKey({ KeyId: key }), () => `${key} is disabled.`],
  [
    'is pending deletion',
    () => ec2.kms.scheduleKeyDeletion({ KeyId: key }),
    () => `${key} is pending deletion.`,
  ],
] as const;

describe('a key', () => {
  it('may be named in four ways, and is described by its ARN', async () => {
    const id = key.split('/').at(-1) ?? '';
    const alias = 'arn:aws:kms:us-east-1:123456789012:alias/disks';
    for (const name of [key, id, 'alias/disks', alias]) {
      const { VolumeId = '', KmsKeyId, Encrypted } = await ec2.api.createVolume(encrypted(name));
      expect([Encrypted, KmsKeyId]).toEqual([true, key]);
      await ec2.advance(3);
      expect(await volumeOf(ec2, VolumeId)).toMatchObject({ State: 'available', KmsKeyId: key });
    }
  });

  it('travels from a volume to its snapshot and on to the next volume', async () => {
    const { SnapshotId = '' } = await ec2.api.createSnapshot({ VolumeId: await makeEncrypted() });
    await ec2.advance(60);
    const { Snapshots } = await ec2.api.describeSnapshots({ SnapshotIds: [SnapshotId] });
    expect(Snapshots).toMatchObject([{ Encrypted: true, KmsKeyId: key, State: 'completed' }]);
    const copy = await ec2.api.createVolume({ AvailabilityZone: 'us-east-1a', SnapshotId });
    expect(copy).toMatchObject({ Encrypted: true, KmsKeyId: key });
  });

  it.each(KEYS_THAT_FAIL)(
    'that %s turns a new volume to `error`, after the call',
    async (_, spoil, cause) => {
      await spoil();
      const { VolumeId = '', State } = await ec2.api.createVolume(encrypted('alias/disks'));
      expect(State).toBe('creating');
      await ec2.advance(3.9);
      expect((await volumeOf(ec2, VolumeId)).State).toBe('creating');
      await ec2.advance(0.1);
      expect((await volumeOf(ec2, VolumeId)).State).toBe('error');
      expect(ec2.events.at(-1)?.detail).toMatchObject({
        event: 'createVolume',
        result: 'failed',
        cause: cause(),
      });
    },
  );

  it('that is not there does so, too', async () => {
    const nowhere = 'arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555';
    for (const name of [nowhere, 'alias/nothing', '11111111-2222-3333-4444-555555555555', 'rubbish']) {
      const { VolumeId = '', KmsKeyId } = await ec2.api.createVolume(encrypted(name));
      expect(KmsKeyId).toBe(name);
      await ec2.advance(4);
      expect((await volumeOf(ec2, VolumeId)).State, name).toBe('error');
      expect(ec2.events.at(-1)?.detail).toMatchObject({ cause: `${name} does not exist.` });
    }
  });

  it.each(KEYS_THAT_FAIL)('that %s ends a launch', async (_, spoil) => {
    await spoil();
    const id = await runInstance(ec2, {
      BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { Encrypted: true, KmsKeyId: key } }],
    });
    expect(await stateOf(ec2, id)).toBe('terminated');
    const { Reservations } = await ec2.api.describeInstances({ InstanceIds: [id] });
    expect(Reservations?.[0]?.Instances?.[0]?.StateReason).toEqual({
      Code: 'Client.InternalError',
      Message: 'Client.InternalError: Client error on launch',
    });
  });

  it.each(KEYS_THAT_FAIL)('that %s lets an attachment fall back, with an event', async (_, spoil, cause) => {
    const instance = await runInstance(ec2);
    const VolumeId = await makeEncrypted();
    await spoil();
    const { State } = await ec2.api.attachVolume({ VolumeId, InstanceId: instance, Device: '/dev/sdf' });
    expect(State).toBe('attaching');
    await ec2.advance(3);
    expect(await volumeOf(ec2, VolumeId)).toMatchObject({ State: 'available', Attachments: [] });
    expect(ec2.events.at(-1)?.detail).toMatchObject({
      event: 'attachVolume',
      result: 'failed',
      cause: cause(),
    });
  });

  it('is needed to start: the instance falls back to stopped', async () => {
    const InstanceIds = [await runInstance(ec2)];
    await ec2.api.stopInstances({ InstanceIds, SkipOsShutdown: true });
    await ec2.advance(5);
    const VolumeId = await makeEncrypted();
    await ec2.kms.disableKey({ KeyId: key });
    // A stopped instance needs no key.
    await ec2.api.attachVolume({ VolumeId, InstanceId: InstanceIds[0] ?? '', Device: '/dev/sdf' });
    await ec2.advance(3);
    expect((await volumeOf(ec2, VolumeId)).Attachments?.[0]?.State).toBe('attached');
    await ec2.api.startInstances({ InstanceIds });
    await ec2.advance(16);
    expect(await stateOf(ec2, InstanceIds[0] ?? '')).toBe('stopped');
    const { Reservations } = await ec2.api.describeInstances({ InstanceIds });
    expect(Reservations?.[0]?.Instances?.[0]?.StateReason?.Code).toBe('Client.InternalError');
    await ec2.kms.enableKey({ KeyId: key });
    await ec2.api.startInstances({ InstanceIds });
    await ec2.advance(16);
    expect(await stateOf(ec2, InstanceIds[0] ?? '')).toBe('running');
  });

  it('is not needed by what is attached and running already', async () => {
    const instance = await runInstance(ec2);
    const VolumeId = await makeEncrypted();
    await ec2.api.attachVolume({ VolumeId, InstanceId: instance, Device: '/dev/sdf' });
    await ec2.advance(3);
    await ec2.kms.disableKey({ KeyId: key });
    await ec2.advance(10_000);
    expect((await volumeOf(ec2, VolumeId)).Attachments?.[0]?.State).toBe('attached');
    await ec2.api.detachVolume({ VolumeId });
    await ec2.advance(5);
    expect((await volumeOf(ec2, VolumeId)).State).toBe('available');
  });

  it('that cannot be used refuses an import at once', async () => {
    ec2.objects.set('images', new Map([['disk.raw', Buffer.from('bytes of a disk')]]));
    const input = {
      RoleName: 'role',
      Encrypted: true,
      KmsKeyId: 'alias/disks',
      DiskContainer: { Format: 'RAW', UserBucket: { S3Bucket: 'images', S3Key: 'disk.raw' } },
    };
    await ec2.kms.disableKey({ KeyId: key });
    expect(await codeOf(ec2.api.importSnapshot(input))).toBe('InvalidParameterValue');
    await ec2.kms.enableKey({ KeyId: key });
    const { SnapshotTaskDetail } = await ec2.api.importSnapshot(input);
    expect(SnapshotTaskDetail).toMatchObject({ Encrypted: true, KmsKeyId: key });
  });
});

describe('the key of EBS', () => {
  it('is taken where none is named', async () => {
    const { VolumeId = '', KmsKeyId } = await ec2.api.createVolume({
      AvailabilityZone: 'us-east-1a',
      Size: 1,
      Encrypted: true,
    });
    const { KeyMetadata } = await ec2.kms.describeKey({ KeyId: 'alias/aws/ebs' });
    expect(KmsKeyId).toBe(KeyMetadata?.Arn);
    await ec2.advance(3);
    expect((await volumeOf(ec2, VolumeId)).State).toBe('available');
    const launch = await ec2.api.runInstances({
      ImageId: AL2023_X86,
      InstanceType: 't3.micro',
      MinCount: 1,
      MaxCount: 1,
      SubnetId: SUBNET_A,
      BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { Encrypted: true } }],
    });
    await ec2.advance(16);
    expect(await stateOf(ec2, launch.Instances?.[0]?.InstanceId ?? '')).toBe('running');
    expect((await volumeOf(ec2, await makeVolume(ec2))).Encrypted).toBe(false);
  });
});
