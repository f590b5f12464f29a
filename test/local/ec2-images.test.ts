import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  AL2023_ARM,
  AL2023_X86,
  codeOf,
  makeVolume,
  openTestEc2,
  runInstance,
  type TestEc2,
  UBUNTU,
  WINDOWS,
} from './ec2-harness.ts';

let ec2: TestEc2;
beforeEach(async () => {
  ec2 = await openTestEc2();
});
afterEach(() => ec2.close());

async function snapshot(): Promise<string> {
  const { SnapshotId = '' } = await ec2.api.createSnapshot({ VolumeId: await makeVolume(ec2) });
  await ec2.advance(60);
  return SnapshotId;
}

const over = (SnapshotId: string) => ({
  RootDeviceName: '/dev/xvda',
  BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { SnapshotId, DeleteOnTermination: true } }],
});

async function imageOf(id: string | undefined) {
  const { Images } = await ec2.api.describeImages({ ImageIds: [id ?? ''] });
  return Images?.[0] ?? {};
}

describe('seeded images', () => {
  const idsBy = async (input: Parameters<TestEc2['api']['describeImages']>[0]) =>
    (await ec2.api.describeImages(input)).Images?.map((image) => image.ImageId);

  it('are found by owner, name, architecture, licence and boot mode', async () => {
    expect(await idsBy({ Owners: ['amazon'] })).toEqual([AL2023_X86, AL2023_ARM, UBUNTU, WINDOWS]);
    expect(await idsBy({ Owners: ['self'] })).toEqual([]);
    expect(await idsBy({ Owners: ['099720109477'] })).toEqual([UBUNTU]);
    const by = (Name: string, ...Values: string[]) => idsBy({ Filters: [{ Name, Values }] });
    expect(await by('name', 'al2023-ami-2023.*-kernel-6.18-x86_64')).toEqual([AL2023_X86]);
    expect(await by('architecture', 'arm64')).toEqual([AL2023_ARM]);
    expect(await by('usage-operation', 'RunInstances:0002')).toEqual([WINDOWS]);
    expect(await by('platform', 'windows')).toEqual([WINDOWS]);
    expect(await by('boot-mode', 'uefi-preferred')).toEqual([AL2023_X86, UBUNTU]);
    expect(await by('owner-alias', 'amazon')).toHaveLength(4);
  });

  it('show what a launch needs to know', async () => {
    expect(await imageOf(AL2023_ARM)).toMatchObject({
      Architecture: 'arm64',
      BootMode: 'uefi',
      EnaSupport: true,
      ImdsSupport: 'v2.0',
      ImageOwnerAlias: 'amazon',
      Public: true,
      State: 'available',
      RootDeviceName: '/dev/xvda',
      UsageOperation: 'RunInstances',
      PlatformDetails: 'Linux/UNIX',
      BlockDeviceMappings: [
        {
          DeviceName: '/dev/xvda',
          Ebs: {
            SnapshotId: 'snap-0a11d00000a12023b',
            VolumeSize: 8,
            VolumeType: 'gp3',
            DeleteOnTermination: true,
          },
        },
      ],
    });
  });
});

describe('RegisterImage', () => {
  it('has the defaults of EC2’s first years', async () => {
    const { ImageId } = await ec2.api.registerImage({ Name: 'old', ...over(await snapshot()) });
    expect((await imageOf(ImageId)).State).toBe('pending');
    await ec2.advance(3);
    expect(await imageOf(ImageId)).toMatchObject({
      State: 'available',
      Architecture: 'i386',
      VirtualizationType: 'paravirtual',
      EnaSupport: false,
      Public: false,
      OwnerId: '123456789012',
      ImageLocation: '123456789012/old',
      UsageOperation: 'RunInstances',
    });
    const launch = { ImageId, InstanceType: 't2.micro' as const, MinCount: 1, MaxCount: 1 };
    expect(await codeOf(ec2.api.runInstances(launch))).toBe('InvalidParameterCombination');
  });

  it('keeps boot mode, UEFI data, TPM and IMDS support for the instance', async () => {
    const { ImageId } = await ec2.api.registerImage({
      ...over(await snapshot()),
      Name: 'secure',
      Architecture: 'x86_64',
      VirtualizationType: 'hvm',
      EnaSupport: true,
      BootMode: 'uefi',
      TpmSupport: 'v2.0',
      ImdsSupport: 'v2.0',
      UefiData: 'QU1aTlVFRkk=',
    });
    const early = { ImageId, InstanceType: 'm5.large' as const, MinCount: 1, MaxCount: 1 };
    expect(await codeOf(ec2.api.runInstances(early))).toBe('InvalidAMIID.Unavailable');
    await ec2.advance(3);
    const id = await runInstance(ec2, { ImageId, InstanceType: 'm5.large' });
    expect((await ec2.api.getInstanceUefiData({ InstanceId: id })).UefiData).toBe('QU1aTlVFRkk=');
    const { Reservations } = await ec2.api.describeInstances({ InstanceIds: [id] });
    expect(Reservations?.[0]?.Instances?.[0]).toMatchObject({
      BootMode: 'uefi',
      CurrentInstanceBootMode: 'uefi',
      TpmSupport: 'v2.0',
      MetadataOptions: { HttpTokens: 'required' },
    });
    const attribute = await ec2.api.describeImageAttribute({ ImageId, Attribute: 'uefiData' });
    expect(attribute.UefiData?.Value).toBe('QU1aTlVFRkk=');
  });

  it('takes the licence from the root snapshot', async () => {
    const windows = await runInstance(ec2, { ImageId: WINDOWS });
    const { Volumes } = await ec2.api.describeVolumes({
      Filters: [{ Name: 'attachment.instance-id', Values: [windows] }],
    });
    const { SnapshotId = '' } = await ec2.api.createSnapshot({ VolumeId: Volumes?.[0]?.VolumeId ?? '' });
    await ec2.advance(60);
    const { ImageId } = await ec2.api.registerImage({ Name: 'win', ...over(SnapshotId) });
    expect(await imageOf(ImageId)).toMatchObject({
      UsageOperation: 'RunInstances:0002',
      Platform: 'windows',
    });
  });

  it.each([
    [{ Name: 'ab' }, 'InvalidAMIName.Malformed'],
    [{ Name: undefined }, 'MissingParameter'],
    [{ RootDeviceName: '/dev/sda1' }, 'InvalidBlockDeviceMapping'],
    [
      { BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { VolumeSize: 1 } }] },
      'InvalidBlockDeviceMapping',
    ],
    [{ Architecture: 'vax' as 'arm64' }, 'InvalidParameterValue'],
    [
      { Architecture: 'arm64' as const, VirtualizationType: 'hvm', BootMode: 'legacy-bios' as const },
      'InvalidParameterCombination',
    ],
    [{ BootMode: 'uefi-preferred' as const, TpmSupport: 'v2.0' as const }, 'InvalidParameterCombination'],
    [{ UefiData: 'QQ==' }, 'InvalidParameterCombination'],
    [{ BillingProducts: ['bp-1'] }, 'UnsupportedOperation'],
    [{ DryRun: true }, 'DryRunOperation'],
  ])('refuses %j as %s', async (more, code) => {
    const input = { Name: 'fine', ...over(await snapshot()), ...more };
    expect(await codeOf(ec2.api.registerImage(input))).toBe(code);
    expect((await ec2.api.describeImages({ Owners: ['self'] })).Images).toEqual([]);
  });

  it('wants a completed snapshot and a name of its own', async () => {
    const volume = await makeVolume(ec2);
    const { SnapshotId = '' } = await ec2.api.createSnapshot({ VolumeId: volume });
    expect(await codeOf(ec2.api.registerImage({ Name: 'twin', ...over(SnapshotId) }))).toBe('IncorrectState');
    await ec2.advance(60);
    await ec2.api.registerImage({ Name: 'twin', ...over(SnapshotId) });
    expect(await codeOf(ec2.api.registerImage({ Name: 'twin', ...over(SnapshotId) }))).toBe(
      'InvalidAMIName.Duplicate',
    );
  });

  it('fails when asked to', async () => {
    const { ImageId } = await ec2
      .spoiled({ endState: 'failed', message: 'no licence' })
      .registerImage({ Name: 'spoiled', ...over(await snapshot()) });
    await ec2.advance(3);
    expect(await imageOf(ImageId)).toMatchObject({ State: 'failed', StateReason: { Message: 'no licence' } });
  });
});

describe('DeregisterImage', () => {
  it('removes the snapshots with it when asked, but not one that another image uses', async () => {
    const [own, shared] = [await snapshot(), await snapshot()];
    const { ImageId: first = '' } = await ec2.api.registerImage({
      Name: 'first',
      RootDeviceName: '/dev/xvda',
      BlockDeviceMappings: [
        { DeviceName: '/dev/xvda', Ebs: { SnapshotId: own } },
        { DeviceName: '/dev/sdf', Ebs: { SnapshotId: shared } },
      ],
    });
    await ec2.api.registerImage({ Name: 'second', ...over(shared) });
    const result = await ec2.api.deregisterImage({ ImageId: first, DeleteAssociatedSnapshots: true });
    expect(result.DeleteSnapshotResults).toEqual([
      { SnapshotId: own, ReturnCode: 'success' },
      { SnapshotId: shared, ReturnCode: 'skipped' },
    ]);
    expect(await codeOf(ec2.api.describeImages({ ImageIds: [first] }))).toBe('InvalidAMIID.NotFound');
    expect((await ec2.api.describeSnapshots({ OwnerIds: ['self'] })).Snapshots).toHaveLength(1);
  });

  it('refuses images of others', async () => {
    expect(await codeOf(ec2.api.deregisterImage({ ImageId: AL2023_X86 }))).toBe('AuthFailure');
  });
});

describe('CreateImage', () => {
  it('is available when its snapshots are completed', async () => {
    const id = await runInstance(ec2);
    const { ImageId } = await ec2.api.createImage({ InstanceId: id, Name: 'copy', NoReboot: true });
    await ec2.advance(29);
    expect((await imageOf(ImageId)).State).toBe('pending');
    await ec2.advance(10);
    expect(await imageOf(ImageId)).toMatchObject({
      State: 'available',
      SourceInstanceId: id,
      BootMode: 'uefi-preferred',
      Architecture: 'x86_64',
    });
  });
});
