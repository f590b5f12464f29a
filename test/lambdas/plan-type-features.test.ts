import type { InstanceTypeInfo } from '@aws-sdk/client-ec2';
import { describe, expect, it } from 'vitest';
import { workloadSchema } from '../../core/model/manifest.ts';
import { type LaunchImage, plannedDiskSchema } from '../../core/model/plan.ts';
import { describeFinding, restoreRequestSchema } from '../../core/model/request.ts';
import { Findings } from '../../lambdas/restore/plan/findings.ts';
import { checkTypeFeatures } from '../../lambdas/restore/plan/type-features.ts';

/** As EC2 describes an m6i.large. */
const M6I: InstanceTypeInfo = {
  InstanceType: 'm6i.large',
  NitroTpmSupport: 'supported',
  NetworkInfo: { EnaSupport: 'required' },
  EbsInfo: {
    EbsOptimizedInfo: {
      BaselineThroughputInMBps: 81.25,
      MaximumThroughputInMBps: 1_250,
      BaselineIops: 3_600,
      MaximumIops: 40_000,
    },
  },
};
const BLANK = {
  kind: 'blank',
  reason: 'plain Linux',
  architecture: 'x86_64',
  enaSupport: true,
  rootDeviceName: '/dev/xvda',
} as const satisfies LaunchImage;
const disk = (more: object) =>
  plannedDiskSchema.parse({
    id: 'data',
    boot: false,
    size: 1024 ** 4,
    volumeGiB: 1_024,
    segmentBytes: 1024 ** 3,
    segmentCount: 1_024,
    deviceName: '/dev/sdf',
    volumeType: 'gp3',
    encrypted: false,
    deleteOnTermination: false,
    tags: {},
    ...more,
  });

interface Machine {
  readonly tpmSupport?: string;
  readonly ena?: boolean;
  readonly disks?: readonly object[];
}

function found(info: InstanceTypeInfo, { tpmSupport, ena = true, disks = [] }: Machine) {
  const findings = new Findings();
  const workload = workloadSchema.parse({
    name: 'web01',
    kind: 'ec2',
    platform: 'linux',
    architecture: 'x86_64',
    ...(tpmSupport === undefined ? {} : { tpmSupport }),
  });
  checkTypeFeatures(
    { info, field: 'target.instanceType' },
    {
      workload,
      request: restoreRequestSchema.parse({ restorePoint: { workload: 'web01' } }),
      launchImage: { ...BLANK, enaSupport: ena },
      disks: disks.map(disk),
      findings,
    },
  );
  return findings.all.map((finding) => `${finding.severity}: ${describeFinding(finding)}`);
}

describe('an instance type', () => {
  it('with everything that the machine needs is fine', () => {
    expect(found(M6I, { tpmSupport: 'v2.0', disks: [{}, { throughput: 1_000, iops: 4_000 }] })).toEqual([]);
  });

  it('without a TPM does not take a machine that has one', () => {
    const info = { ...M6I, InstanceType: 'm4.large', NitroTpmSupport: 'unsupported' } as const;
    expect(found(info, {})).toEqual([]);
    expect(found(info, { tpmSupport: 'v2.0' })).toEqual([
      expect.stringMatching(
        /^error: target\.instanceType = m4\.large: has no NitroTPM, the machine has TPM v2\.0\. Choose/,
      ),
    ]);
  });

  it('that wants ENA does not take a machine without its driver', () => {
    expect(found(M6I, { ena: false })).toEqual([
      'error: target.instanceType = m6i.large: takes systems with the ENA network driver only, and the source instance was without (EnaSupport false). Choose a type of before the Nitro system, e.g. m4.large',
    ]);
    expect(found({ ...M6I, NetworkInfo: { EnaSupport: 'supported' } }, { ena: false })).toEqual([]);
  });

  it('that is slower than what is paid for its volumes is warned of', () => {
    // 2,000 MiB/s are 2,097 MB/s
    expect(found(M6I, { disks: [{ throughput: 2_000, iops: 8_000 }] })).toEqual([
      'warning: target.instanceType = m6i.large: moves 1250 MB/s to and from its volumes at most (81 for long), which together can take 2097 MB/s. Choose a type with more EBS bandwidth, or give the volumes less',
    ]);
    expect(found(M6I, { disks: [{ volumeType: 'io2', iops: 48_000 }] })).toEqual([
      expect.stringContaining('moves 1250 MB/s to and from its volumes at most'),
      'warning: target.instanceType = m6i.large: does 40000 I/O operations a second at most (3600 for long), its volumes together 48000. Choose a type with more EBS IOPS, or give the volumes less',
    ]);
  });

  it('is not warned of for volumes as they come', () => {
    expect(found(M6I, { disks: Array.from({ length: 20 }, () => ({})) })).toEqual([]);
  });
});
