import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  AL2023_X86,
  codeOf,
  failure,
  makeVolume,
  openTestEc2,
  runInstance,
  type TestEc2,
} from './ec2-harness.ts';

let ec2: TestEc2;
beforeEach(async () => {
  ec2 = await openTestEc2();
});
afterEach(() => ec2.close());

const launch = (InstanceType: 't3.micro' | 'm5.xlarge', count = 1) =>
  ec2.api.runInstances({ ImageId: AL2023_X86, InstanceType, MinCount: count, MaxCount: count });

describe('the quota of vCPUs', () => {
  it('counts instances that run, not those that are stopped', async () => {
    ec2.service.quotas.standardVcpus = 5;
    const first = await runInstance(ec2, { InstanceType: 't3.micro' });
    await launch('t3.micro');
    expect(await failure(launch('t3.micro'))).toEqual({
      code: 'VcpuLimitExceeded',
      message:
        'You have requested more vCPU capacity than your current vCPU limit of 5 allows for the instance bucket that the specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.',
    });
    const InstanceIds = [first];
    await ec2.api.stopInstances({ InstanceIds });
    expect(await codeOf(launch('t3.micro'))).toBe('VcpuLimitExceeded');
    await ec2.advance(20);
    await launch('t3.micro');
    expect(await codeOf(ec2.api.startInstances({ InstanceIds }))).toBe('VcpuLimitExceeded');
    ec2.service.quotas.standardVcpus = 6;
    await ec2.api.startInstances({ InstanceIds });
  });

  it('counts all instances of a launch, and none that failed', async () => {
    ec2.service.quotas.standardVcpus = 8;
    expect(await codeOf(launch('m5.xlarge', 3))).toBe('VcpuLimitExceeded');
    expect((await ec2.api.describeInstances({})).Reservations).toEqual([]);
    await launch('m5.xlarge', 2);
  });

  it('is no limit from the start', async () => {
    await launch('m5.xlarge', 100);
  });
});

describe('the quota of storage', () => {
  const create = (Size: number, VolumeType: 'gp2' | 'gp3' = 'gp3') =>
    ec2.api.createVolume({ AvailabilityZone: 'us-east-1a', Size, VolumeType });

  it('is for each type, over all volumes that are not being deleted', async () => {
    ec2.service.quotas.storageTiB.gp3 = 2;
    const VolumeId = await makeVolume(ec2, 1024);
    await create(1023);
    expect(await failure(create(2))).toEqual({
      code: 'VolumeLimitExceeded',
      message:
        'You have exceeded your maximum gp3 storage limit of 2 TiB in this region. Please contact AWS Support to request an Elastic Block Store service limit increase.',
    });
    await create(2, 'gp2');
    await create(1);
    expect(await codeOf(launch('t3.micro'))).toBe('VolumeLimitExceeded');
    expect(await codeOf(ec2.api.modifyVolume({ VolumeId, Size: 1025 }))).toBe('VolumeLimitExceeded');
    await ec2.api.deleteVolume({ VolumeId });
    await launch('t3.micro');
  });

  it('lets a volume change its type where there is room, and grow by what is left', async () => {
    ec2.service.quotas.storageTiB.gp3 = 1;
    const VolumeId = await makeVolume(ec2, 1000);
    const { VolumeId: other = '' } = await create(25, 'gp2');
    await ec2.advance(3);
    expect(await codeOf(ec2.api.modifyVolume({ VolumeId: other, VolumeType: 'gp3' }))).toBe(
      'VolumeLimitExceeded',
    );
    await ec2.api.modifyVolume({ VolumeId, Size: 1024 });
  });
});
