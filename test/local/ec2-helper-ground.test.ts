import type { _InstanceType } from '@aws-sdk/client-ec2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  AL2023_ARM,
  AL2023_X86,
  codeOf,
  failure,
  makeVolume,
  openTestEc2,
  runInstance,
  SUBNET_A,
  SUBNET_B,
  stateOf,
  type TestEc2,
  volumeOf,
} from './ec2-harness.ts';

/** What a helper appliance stands on: types and their limits, its image, volumes that come and go while it runs. */

let ec2: TestEc2;
beforeEach(async () => {
  ec2 = await openTestEc2();
});
afterEach(() => ec2.close());

const launchHelper = (InstanceType: _InstanceType = 'c8gb.large', SubnetId = SUBNET_A) =>
  runInstance(ec2, {
    ImageId: AL2023_ARM,
    InstanceType,
    SubnetId,
    InstanceInitiatedShutdownBehavior: 'terminate',
  });

async function infoOf(InstanceType: _InstanceType) {
  const { InstanceTypes } = await ec2.api.describeInstanceTypes({ InstanceTypes: [InstanceType] });
  return InstanceTypes?.[0];
}

/** `/dev/sdb` to `/dev/sdz`, then `/dev/xvdba` and on. */
const deviceName = (index: number): string => {
  const letter = (at: number) => String.fromCharCode(97 + at);
  if (index < 25) return `/dev/sd${letter(index + 1)}`;
  return `/dev/xvd${letter(1 + Math.floor((index - 25) / 26))}${letter((index - 25) % 26)}`;
};

describe('instance types', () => {
  // EBS baseline and maximum in MB/s, attachments, network baseline in Gbps, as AWS documents them.
  it.each([
    ['c7g.medium', 39.375, 1250, 27, 'shared', 0.52],
    ['m7g.xlarge', 156.25, 1250, 27, 'shared', 1.876],
    ['c7gn.2xlarge', 520.875, 1250, 27, 'shared', 25],
    ['c7gn.8xlarge', 2083.375, 2500, 27, 'shared', 100],
    ['c8g.large', 78.75, 1250, 32, 'dedicated', 0.937],
    ['m8g.16xlarge', 2500, 2500, 48, 'dedicated', 30],
    ['r8g.48xlarge', 5000, 5000, 128, 'dedicated', 50],
    ['c8gn.xlarge', 312.5, 1250, 32, 'dedicated', 12.5],
    ['c8gb.medium', 195.3125, 3125, 32, 'dedicated', 2.083],
    ['c8gb.xlarge', 781.25, 3125, 32, 'dedicated', 8.333],
    ['c8gb.4xlarge', 3125, 3125, 32, 'dedicated', 33.33],
    ['r8gb.12xlarge', 9375, 9375, 32, 'dedicated', 100],
    ['c8gb.24xlarge', 18_750, 18_750, 64, 'dedicated', 200],
  ] as const)('%s moves %s MB/s to EBS, %s at most', async (name, baseline, maximum, volumes, kind, gbps) => {
    const info = await infoOf(name);
    expect(info?.EbsInfo).toMatchObject({
      MaximumEbsAttachments: volumes,
      AttachmentLimitType: kind,
      NvmeSupport: 'required',
      EbsOptimizedInfo: { BaselineThroughputInMBps: baseline, MaximumThroughputInMBps: maximum },
    });
    expect(info?.NetworkInfo?.NetworkCards?.[0]?.BaselineBandwidthInGbps).toBe(gbps);
    expect(info?.ProcessorInfo?.SupportedArchitectures).toEqual(['arm64']);
  });

  it('tell vCPUs, memory and bandwidth in the members that AWS has for them', async () => {
    expect(await infoOf('c8gb.xlarge')).toMatchObject({
      VCpuInfo: { DefaultVCpus: 4, DefaultCores: 4, DefaultThreadsPerCore: 1 },
      MemoryInfo: { SizeInMiB: 8192 },
      EbsInfo: {
        EbsOptimizedInfo: { BaselineBandwidthInMbps: 6250, BaselineIops: 25_000, MaximumIops: 100_000 },
      },
    });
    expect(await infoOf('c8g.2xlarge')).toMatchObject({
      MemoryInfo: { SizeInMiB: 16_384 },
      NetworkInfo: {
        NetworkPerformance: 'Up to 15 Gigabit',
        NetworkCards: [{ BaselineBandwidthInGbps: 3.75, PeakBandwidthInGbps: 15 }],
      },
    });
  });

  it('are offered by zone', async () => {
    const { InstanceTypeOfferings } = await ec2.api.describeInstanceTypeOfferings({
      LocationType: 'availability-zone',
      Filters: [
        { Name: 'location', Values: ['us-east-1b'] },
        { Name: 'instance-type', Values: ['c8gb.xlarge', 'c8g.*large', 'q1.tiny'] },
      ],
    });
    const names = InstanceTypeOfferings?.map((each) => each.InstanceType);
    expect(names).toContain('c8gb.xlarge');
    expect(names).toContain('c8g.12xlarge');
    expect(names).not.toContain('c8g.medium');
    expect(new Set(InstanceTypeOfferings?.map((each) => each.Location))).toEqual(new Set(['us-east-1b']));
  });
});

describe('the image of a helper', () => {
  it('is found by owner and name', async () => {
    const images = async (Owners: string[]) => {
      const { Images } = await ec2.api.describeImages({
        Owners,
        Filters: [
          { Name: 'name', Values: ['al2023-ami-2023.*-arm64'] },
          { Name: 'architecture', Values: ['arm64'] },
          { Name: 'state', Values: ['available'] },
        ],
      });
      return Images?.map(({ ImageId }) => ImageId);
    };
    expect(await images(['amazon'])).toEqual([AL2023_ARM]);
    expect(await images(['137112412989'])).toEqual([AL2023_ARM]);
    expect(await images(['self'])).toEqual([]);
  });

  it('does not run on another architecture', async () => {
    expect(await codeOf(launchHelper('m7i.large'))).toBe('InvalidParameterValue');
    expect(await codeOf(runInstance(ec2, { ImageId: AL2023_X86, InstanceType: 'c8gb.large' }))).toBe(
      'InvalidParameterValue',
    );
  });
});

describe('volumes of a running helper', () => {
  const attach = (VolumeId: string, InstanceId: string, Device: string) =>
    ec2.api.attachVolume({ VolumeId, InstanceId, Device });

  it.each([
    ['c8gb.large', 'dedicated', 32],
    ['c7g.large', 'shared', 27],
  ] as const)('are as many as %s takes (%s): %i with its root', async (type, _, limit) => {
    const helper = await launchHelper(type);
    for (let index = 0; index < limit - 1; index += 1) {
      await attach(await makeVolume(ec2), helper, deviceName(index));
    }
    expect(await failure(attach(await makeVolume(ec2), helper, deviceName(limit)))).toMatchObject({
      code: 'AttachmentLimitExceeded',
    });
  });

  it('are limited at launch, too', async () => {
    const BlockDeviceMappings = Array.from({ length: 32 }, (_, index) => ({
      DeviceName: deviceName(index),
      Ebs: { VolumeSize: 1 },
    }));
    const launch = { ImageId: AL2023_ARM, InstanceType: 'c8gb.large' as const, BlockDeviceMappings };
    // What AWS answers is not documented.
    expect(await codeOf(runInstance(ec2, launch))).toBe('UnsupportedOperation');
    await runInstance(ec2, { ...launch, BlockDeviceMappings: BlockDeviceMappings.slice(1) });
  });

  it('must be in its zone, under a free name, and not in use elsewhere', async () => {
    const [here, there] = [await launchHelper(), await launchHelper('c8gb.large', SUBNET_B)];
    const [first, second] = [await makeVolume(ec2), await makeVolume(ec2)];
    expect(await codeOf(attach(first, there, '/dev/sdf'))).toBe('InvalidVolume.ZoneMismatch');
    await attach(first, here, '/dev/sdf');
    expect(await failure(attach(second, here, '/dev/sdf'))).toMatchObject({
      code: 'InvalidParameterValue',
      message: expect.stringContaining('Attachment point /dev/sdf is already in use'),
    });
    expect(await codeOf(attach(second, here, '/dev/xvda'))).toBe('InvalidParameterValue');
    const other = await launchHelper();
    expect(await codeOf(attach(first, other, '/dev/sdg'))).toBe('VolumeInUse');
  });

  it('are not taken by a helper that is gone, going, or not there yet', async () => {
    const volume = await makeVolume(ec2);
    const helper = await launchHelper();
    await ec2.api.terminateInstances({ InstanceIds: [helper] });
    expect(await codeOf(attach(volume, helper, '/dev/sdf'))).toBe('IncorrectState');
    await ec2.advance(15);
    expect(await codeOf(attach(volume, helper, '/dev/sdf'))).toBe('IncorrectState');
    expect(await codeOf(attach(volume, 'i-0123456789abcdef0', '/dev/sdf'))).toBe(
      'InvalidInstanceID.NotFound',
    );
    const { Instances } = await ec2.api.runInstances({
      ImageId: AL2023_ARM,
      InstanceType: 'c8gb.large',
      MinCount: 1,
      MaxCount: 1,
    });
    expect(await codeOf(attach(volume, Instances?.[0]?.InstanceId ?? '', '/dev/sdf'))).toBe('IncorrectState');
  });

  it('survive it, available again, while its root goes with it', async () => {
    const helper = await launchHelper();
    const volume = await makeVolume(ec2);
    const answer = await attach(volume, helper, '/dev/sdf');
    expect(answer.DeleteOnTermination).toBe(false);
    await ec2.advance(3);
    const { Volumes = [] } = await ec2.api.describeVolumes({
      Filters: [{ Name: 'attachment.instance-id', Values: [helper] }],
    });
    const root = Volumes.find(({ VolumeId }) => VolumeId !== volume)?.VolumeId ?? '';
    await ec2.api.terminateInstances({ InstanceIds: [helper] });
    await ec2.advance(14.9);
    expect((await volumeOf(ec2, volume)).State).toBe('in-use');
    await ec2.advance(0.1);
    expect(await stateOf(ec2, helper)).toBe('terminated');
    expect(await volumeOf(ec2, volume)).toMatchObject({ State: 'available', Attachments: [] });
    await ec2.advance(5);
    expect(await codeOf(ec2.api.describeVolumes({ VolumeIds: [root] }))).toBe('InvalidVolume.NotFound');
    // And move on to the next one at once.
    const next = await launchHelper();
    expect((await attach(volume, next, '/dev/sdf')).State).toBe('attaching');
  });

  it('are detached while it runs, from it alone', async () => {
    const helper = await launchHelper();
    const volume = await makeVolume(ec2);
    await attach(volume, helper, '/dev/sdf');
    expect(await codeOf(ec2.api.detachVolume({ VolumeId: volume }))).toBe('IncorrectState');
    await ec2.advance(3);
    const other = await launchHelper();
    expect(await codeOf(ec2.api.detachVolume({ VolumeId: volume, InstanceId: other }))).toBe(
      'InvalidAttachment.NotFound',
    );
    await ec2.api.detachVolume({ VolumeId: volume, InstanceId: helper });
    await ec2.advance(5);
    expect((await volumeOf(ec2, volume)).State).toBe('available');
    expect(await stateOf(ec2, helper)).toBe('running');
    expect(await codeOf(ec2.api.detachVolume({ VolumeId: volume }))).toBe('IncorrectState');
  });
});
