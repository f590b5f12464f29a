import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  codeOf,
  failure,
  makeVolume,
  openTestEc2,
  runInstance,
  SUBNET_B,
  stateOf,
  type TestEc2,
  volumeOf,
} from './ec2-harness.ts';

let ec2: TestEc2;
let instance: string;
let volume: string;
beforeEach(async () => {
  ec2 = await openTestEc2();
  instance = await runInstance(ec2);
  volume = await makeVolume(ec2);
});
afterEach(() => ec2.close());

const attach = (VolumeId: string, Device: string, InstanceId = instance) =>
  ec2.api.attachVolume({ VolumeId, Device, InstanceId });

const attachmentOf = async (id: string) => {
  const { State, Attachments } = await volumeOf(ec2, id);
  return [State, Attachments?.[0]?.State];
};

async function stop(): Promise<void> {
  await ec2.api.stopInstances({ InstanceIds: [instance], SkipOsShutdown: true });
  await ec2.advance(5);
}

async function rootOf(): Promise<string> {
  const { Volumes } = await ec2.api.describeVolumes({
    Filters: [
      { Name: 'attachment.instance-id', Values: [instance] },
      { Name: 'attachment.device', Values: ['/dev/xvda'] },
    ],
  });
  return Volumes?.[0]?.VolumeId ?? '';
}

describe('AttachVolume', () => {
  it('is in use and attaching at once, attached after three seconds', async () => {
    expect(await attach(volume, '/dev/sdf')).toMatchObject({
      VolumeId: volume,
      InstanceId: instance,
      Device: '/dev/sdf',
      State: 'attaching',
      DeleteOnTermination: false,
    });
    expect(await attachmentOf(volume)).toEqual(['in-use', 'attaching']);
    await ec2.advance(3);
    expect(await attachmentOf(volume)).toEqual(['in-use', 'attached']);
    const { Reservations } = await ec2.api.describeInstances({ InstanceIds: [instance] });
    expect(Reservations?.[0]?.Instances?.[0]?.BlockDeviceMappings).toMatchObject([
      { DeviceName: '/dev/xvda', Ebs: { Status: 'attached', DeleteOnTermination: true } },
      { DeviceName: '/dev/sdf', Ebs: { VolumeId: volume, Status: 'attached', DeleteOnTermination: false } },
    ]);
  });

  it('refuses a volume that is taken, a name that is taken, and a name that is none', async () => {
    await attach(volume, '/dev/sdf');
    expect(await failure(attach(volume, '/dev/sdg'))).toEqual({
      code: 'VolumeInUse',
      message: `${volume} is already attached to an instance`,
    });
    const other = await makeVolume(ec2);
    expect(await failure(attach(other, '/dev/sdf'))).toEqual({
      code: 'InvalidParameterValue',
      message: "Invalid value '/dev/sdf' for unixDevice. Attachment point /dev/sdf is already in use",
    });
    for (const name of ['/dev/sdk1', 'sdf', '/dev/nvme1n1', '/dev/xvdez', '/dev/sd']) {
      expect(await codeOf(attach(other, name)), name).toBe('InvalidParameterValue');
    }
    await attach(other, 'xvdcz');
  });

  it('refuses a volume of another zone', async () => {
    const { VolumeId = '' } = await ec2.api.createVolume({ AvailabilityZone: 'us-east-1b', Size: 1 });
    expect(await codeOf(attach(VolumeId, '/dev/sdf'))).toBe('IncorrectState');
    await ec2.advance(3);
    expect(await codeOf(attach(VolumeId, '/dev/sdf'))).toBe('InvalidVolume.ZoneMismatch');
    const there = await runInstance(ec2, { SubnetId: SUBNET_B });
    expect((await attach(VolumeId, '/dev/sdf', there)).State).toBe('attaching');
  });

  it('refuses a volume or instance in a state between states', async () => {
    const { VolumeId = '' } = await ec2.api.createVolume({ AvailabilityZone: 'us-east-1a', Size: 1 });
    expect(await failure(attach(VolumeId, '/dev/sdf'))).toEqual({
      code: 'IncorrectState',
      message: `${VolumeId} is not 'available'.`,
    });
    await ec2.api.stopInstances({ InstanceIds: [instance] });
    expect(await failure(attach(volume, '/dev/sdf'))).toEqual({
      code: 'IncorrectState',
      message: `Instance '${instance}' is not 'running'.`,
    });
    await ec2.advance(20);
    expect((await attach(volume, '/dev/sdf')).State).toBe('attaching');
  });

  it('keeps to the 27 volumes that a type with one interface has room for', async () => {
    const letters = 'bcdefghijklmnopqrstuvwxyz'.split('');
    const names = [...letters.map((letter) => `/dev/sd${letter}`), '/dev/xvdba'];
    for (const name of names) await attach(await makeVolume(ec2), name);
    expect(await codeOf(attach(volume, '/dev/xvdbb'))).toBe('AttachmentLimitExceeded');
  }, 20_000);

  it('does nothing in a dry run', async () => {
    const input = { VolumeId: volume, InstanceId: instance, Device: '/dev/sdf', DryRun: true };
    expect(await codeOf(ec2.api.attachVolume(input))).toBe('DryRunOperation');
    expect(await attachmentOf(volume)).toEqual(['available', undefined]);
  });
});

describe('DetachVolume', () => {
  beforeEach(async () => {
    await attach(volume, '/dev/sdf');
    await ec2.advance(3);
  });

  it('is detaching for five seconds, then available with no attachment', async () => {
    expect((await ec2.api.detachVolume({ VolumeId: volume })).State).toBe('detaching');
    await ec2.advance(4.9);
    expect(await attachmentOf(volume)).toEqual(['in-use', 'detaching']);
    expect(await codeOf(ec2.api.detachVolume({ VolumeId: volume }))).toBe('IncorrectState');
    expect(await codeOf(ec2.api.deleteVolume({ VolumeId: volume }))).toBe('VolumeInUse');
    await ec2.advance(0.1);
    expect(await attachmentOf(volume)).toEqual(['available', undefined]);
    expect(await failure(ec2.api.detachVolume({ VolumeId: volume }))).toEqual({
      code: 'IncorrectState',
      message: `Volume '${volume}' is in the 'available' state.`,
    });
  });

  it('refuses another instance and another device', async () => {
    const other = await runInstance(ec2);
    const wrong = { VolumeId: volume, InstanceId: other };
    expect(await codeOf(ec2.api.detachVolume(wrong))).toBe('InvalidAttachment.NotFound');
    const device = { VolumeId: volume, Device: '/dev/sdz' };
    expect(await codeOf(ec2.api.detachVolume(device))).toBe('InvalidAttachment.NotFound');
  });

  it('gives a root volume up only when its instance is stopped', async () => {
    const root = await rootOf();
    expect(await failure(ec2.api.detachVolume({ VolumeId: root, Force: true }))).toEqual({
      code: 'OperationNotPermitted',
      message: `Unable to detach root volume '${root}' from instance '${instance}'`,
    });
    await stop();
    await ec2.api.detachVolume({ VolumeId: root });
    await ec2.advance(5);
    expect(await attachmentOf(root)).toEqual(['available', undefined]);
  });
});

describe('another root volume', () => {
  it('takes the place of the first one: detach, attach under the root name, start', async () => {
    await stop();
    const root = await rootOf();
    await ec2.api.detachVolume({ VolumeId: root });
    expect(await codeOf(ec2.api.startInstances({ InstanceIds: [instance] }))).toBe('InvalidParameterValue');
    await ec2.advance(5);
    expect(await failure(ec2.api.startInstances({ InstanceIds: [instance] }))).toEqual({
      code: 'InvalidParameterValue',
      message: `Invalid value '${instance}' for instanceId. Instance does not have a volume attached at root (/dev/xvda)`,
    });
    await attach(volume, '/dev/xvda');
    await ec2.advance(3);
    await ec2.api.startInstances({ InstanceIds: [instance] });
    await ec2.advance(16);
    expect(await stateOf(ec2, instance)).toBe('running');
    expect(await rootOf()).toBe(volume);
    expect(await codeOf(ec2.api.detachVolume({ VolumeId: volume }))).toBe('OperationNotPermitted');
  });
});

describe('attachments that go wrong when asked to', () => {
  it('hangs in attaching until it is forced off', async () => {
    await ec2
      .spoiled({ stuck: true })
      .attachVolume({ VolumeId: volume, InstanceId: instance, Device: '/dev/sdf' });
    await ec2.advance(100_000);
    expect(await attachmentOf(volume)).toEqual(['in-use', 'attaching']);
    expect(await codeOf(ec2.api.detachVolume({ VolumeId: volume }))).toBe('IncorrectState');
    await ec2.api.detachVolume({ VolumeId: volume, Force: true });
    await ec2.advance(5);
    expect(await attachmentOf(volume)).toEqual(['available', undefined]);
  });

  it('falls back to available, with an event', async () => {
    const effects = { endState: 'available', message: 'the key is disabled' };
    await ec2.spoiled(effects).attachVolume({ VolumeId: volume, InstanceId: instance, Device: '/dev/sdf' });
    await ec2.advance(3);
    expect(await attachmentOf(volume)).toEqual(['available', undefined]);
    expect(ec2.events.at(-1)?.detail).toMatchObject({
      event: 'attachVolume',
      result: 'failed',
      cause: 'the key is disabled',
    });
  });

  it('is busy until the instance stops', async () => {
    await attach(volume, '/dev/sdf');
    await ec2.advance(3);
    await ec2.spoiled({ endState: 'busy' }).detachVolume({ VolumeId: volume });
    await ec2.advance(10_000);
    expect(await attachmentOf(volume)).toEqual(['in-use', 'busy']);
    await stop();
    await ec2.advance(5);
    expect(await attachmentOf(volume)).toEqual(['available', undefined]);
  });
});
