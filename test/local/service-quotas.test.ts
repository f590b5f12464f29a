import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EBS } from '@aws-sdk/client-ebs';
import { EC2 } from '@aws-sdk/client-ec2';
import { ServiceQuotas } from '@aws-sdk/client-service-quotas';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Region, startRegion } from '../../local/region.ts';

let folder: string;
let region: Region;
let quotas: ServiceQuotas;
let ec2: EC2;
let ebs: EBS;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'landfall-service-quotas-'));
  region = await startRegion({ stateFolder: folder, port: 0, timeScale: 0.001 });
  const client = {
    endpoint: region.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
  };
  quotas = new ServiceQuotas(client);
  ec2 = new EC2(client);
  ebs = new EBS(client);
});
afterAll(async () => {
  await region?.stop();
  await rm(folder, { recursive: true, force: true });
});

const appliedTo = async (ServiceCode: string, QuotaCode: string) =>
  (await quotas.getServiceQuota({ ServiceCode, QuotaCode })).Quota?.Value;
const defaultOf = async (ServiceCode: string, QuotaCode: string) =>
  (await quotas.getAWSDefaultServiceQuota({ ServiceCode, QuotaCode })).Quota?.Value;

describe('Service Quotas', () => {
  it('tells of a quota as AWS does', async () => {
    const { Quota } = await quotas.getServiceQuota({ ServiceCode: 'ec2', QuotaCode: 'L-1216C47A' });
    expect(Quota).toEqual({
      ServiceCode: 'ec2',
      ServiceName: 'Amazon Elastic Compute Cloud (Amazon EC2)',
      QuotaArn: 'arn:aws:servicequotas:us-east-1:123456789012:ec2/L-1216C47A',
      QuotaCode: 'L-1216C47A',
      QuotaName: 'Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances',
      Value: 5000,
      Unit: 'None',
      Adjustable: true,
      GlobalQuota: false,
      QuotaAppliedAtLevel: 'ACCOUNT',
      UsageMetric: {
        MetricNamespace: 'AWS/Usage',
        MetricName: 'ResourceCount',
        MetricDimensions: {
          Class: 'Standard/OnDemand',
          Resource: 'vCPU',
          Service: 'EC2',
          Type: 'Resource',
        },
        MetricStatisticRecommendation: 'Maximum',
      },
    });
  });

  it.each([
    ['ec2', 'L-1216C47A', 5, 5000],
    ['ebs', 'L-7A658B76', 50, 5000],
    ['ebs', 'L-D18FCD1D', 50, 5000],
    ['ebs', 'L-FD252861', 50, 5000],
    ['ebs', 'L-09BD8365', 20, 5000],
    ['ebs', 'L-AFAE1BE8', 5000, 5000],
    ['s3', 'L-DC2B2D3D', 10_000, 10_000],
    ['vmimportexport', 'L-66ABAAD5', 20, 20],
  ])('%s %s is %d by default, %d in the region', async (service, code, byDefault, applied) => {
    expect(await defaultOf(service, code)).toBe(byDefault);
    expect(await appliedTo(service, code)).toBe(applied);
    expect(region.services.serviceQuotas.value(code)).toBe(applied);
  });

  it('lists a service’s quotas, page by page', async () => {
    const first = await quotas.listServiceQuotas({ ServiceCode: 'ebs', MaxResults: 3 });
    expect(first.Quotas?.map((quota) => quota.QuotaCode)).toEqual(['L-D18FCD1D', 'L-7A658B76', 'L-FD252861']);
    const { NextToken } = first;
    const second = await quotas.listServiceQuotas({ ServiceCode: 'ebs', NextToken, MaxResults: 3 });
    expect(second.Quotas?.map((quota) => quota.QuotaCode)).toEqual(['L-09BD8365', 'L-AFAE1BE8']);
    expect(second.NextToken).toBeUndefined();
    expect(second.Quotas?.[1]?.Period).toEqual({ PeriodUnit: 'SECOND', PeriodValue: 1 });
    const one = await quotas.listServiceQuotas({ ServiceCode: 'ebs', QuotaCode: 'L-7A658B76' });
    expect(one.Quotas).toMatchObject([
      { QuotaName: 'Storage for General Purpose SSD (gp3) volumes, in TiB' },
    ]);
    const ofResources = { ServiceCode: 'ebs', QuotaAppliedAtLevel: 'RESOURCE' as const };
    expect((await quotas.listServiceQuotas(ofResources)).Quotas).toEqual([]);
  });

  it('does not know others', async () => {
    await expect(appliedTo('ec2', 'L-00000000')).rejects.toMatchObject({
      name: 'NoSuchResourceException',
      message: expect.stringContaining('the specified quota L-00000000 does not exist for service ec2'),
    });
    // A quota of another service.
    await expect(appliedTo('ec2', 'L-7A658B76')).rejects.toMatchObject({ name: 'NoSuchResourceException' });
    await expect(defaultOf('rds', 'L-7A658B76')).rejects.toMatchObject({
      name: 'NoSuchResourceException',
      message: 'The request failed because the specified service does not exist.',
    });
    await expect(quotas.listServiceQuotas({ ServiceCode: 'rds' })).rejects.toMatchObject({
      name: 'NoSuchResourceException',
    });
    await expect(quotas.listServiceQuotas({ ServiceCode: 'ebs', MaxResults: 101 })).rejects.toMatchObject({
      name: 'IllegalArgumentException',
    });
    await expect(
      quotas.listServiceQuotas({ ServiceCode: 'ebs', NextToken: 'rubbish' }),
    ).rejects.toMatchObject({ name: 'InvalidPaginationTokenException' });
    await expect(
      quotas.getServiceQuota({ ServiceCode: 'ec2', QuotaCode: 'L-1216C47A', ContextId: 'x' }),
    ).rejects.toMatchObject({ name: 'IllegalArgumentException' });
    await expect(quotas.listServices({})).rejects.toMatchObject({ name: 'UnknownOperationException' });
    expect(() => region.services.serviceQuotas.set('L-00000000', 1)).toThrow(/knows no quota L-00000000/);
    expect(() => region.services.serviceQuotas.set('L-1216C47A', -1)).toThrow(/cannot be -1/);
  });
});

describe('what is set', () => {
  it('is told, and kept to by EC2', async () => {
    const { serviceQuotas } = region.services;
    serviceQuotas.set('L-1216C47A', 1);
    expect(await appliedTo('ec2', 'L-1216C47A')).toBe(1);
    expect(await defaultOf('ec2', 'L-1216C47A')).toBe(5);
    const launch = { ImageId: 'ami-0a11d00000b024040', MinCount: 1, MaxCount: 1 };
    await expect(ec2.runInstances({ ...launch, InstanceType: 't3.small' })).rejects.toMatchObject({
      name: 'VcpuLimitExceeded',
    });
    serviceQuotas.set('L-1216C47A', 2);
    await ec2.runInstances({ ...launch, InstanceType: 't3.small' });

    serviceQuotas.set('L-FD252861', 1);
    const volume = { AvailabilityZone: 'us-east-1a', VolumeType: 'io1' as const, Iops: 100 };
    await expect(ec2.createVolume({ ...volume, Size: 1025 })).rejects.toMatchObject({
      name: 'VolumeLimitExceeded',
    });
    await ec2.createVolume({ ...volume, Size: 1024 });

    serviceQuotas.set('L-66ABAAD5', 7);
    expect(region.services.ec2.quotas.importTasks).toBe(7);
    region.services.ec2.quotas.importTasks = 9;
    expect(await appliedTo('vmimportexport', 'L-66ABAAD5')).toBe(9);
  });

  it('is told and kept to by the EBS direct APIs', async () => {
    let nowMs = 0;
    region.services.ebs.quotas = { ...region.services.ebs.quotas, clock: () => nowMs };
    region.services.serviceQuotas.set('L-AFAE1BE8', 1);
    expect(await appliedTo('ebs', 'L-AFAE1BE8')).toBe(1);
    const { SnapshotId } = await ebs.startSnapshot({ VolumeSize: 1 });
    const BlockData = Buffer.alloc(524_288, 7);
    const put = (BlockIndex: number) =>
      ebs.putSnapshotBlock({
        SnapshotId,
        BlockIndex,
        BlockData,
        DataLength: 524_288,
        Checksum: createHash('sha256').update(BlockData).digest('base64'),
        ChecksumAlgorithm: 'SHA256',
      });
    await put(0);
    await expect(put(1)).rejects.toMatchObject({ name: 'ThrottlingException' });
    nowMs += 1_000;
    await put(1);
  });

  it('of buckets is told alone', async () => {
    region.services.serviceQuotas.set('L-DC2B2D3D', 100);
    const { Quota } = await quotas.getServiceQuota({ ServiceCode: 's3', QuotaCode: 'L-DC2B2D3D' });
    expect(Quota).toMatchObject({
      Value: 100,
      GlobalQuota: true,
      QuotaArn: 'arn:aws:servicequotas::123456789012:s3/L-DC2B2D3D',
    });
  });
});
