import { _InstanceType } from '@aws-sdk/client-ec2';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseHelperType } from '../../lambdas/restore/plan/helper-choice.ts';
import { asEc2Says } from '../../lambdas/restore/plan/helper-instance-type.ts';
import { dataVolumesOf, HELPER_TYPES, type HelperType } from '../../lambdas/restore/plan/helper-types.ts';

const ALL = [...HELPER_TYPES.values()];
// A default gp3 volume takes 125 MiB/s.
const GP3_MBPS = 131.072;
const gp3 = (disks: number) => ({ disks, volumesMBps: disks * GP3_MBPS });
const namesOf = (offered: readonly HelperType[], disks: number): string[] | undefined => {
  const choice = chooseHelperType(offered, gp3(disks));
  return choice && [choice.best, ...choice.fallbacks].map(({ name }) => name);
};

describe('the types of a helper', () => {
  it('have the figures of AWS’s tables', () => {
    expect(HELPER_TYPES.get('c8gb.xlarge')).toEqual({
      name: 'c8gb.xlarge',
      vcpus: 4,
      memoryMiB: 8_192,
      ebsMBps: 781.25,
      ebsBurstMBps: 3_125,
      networkMBps: 1_041.625,
      dataVolumes: 31,
    });
    expect(HELPER_TYPES.get('m8g.16xlarge')).toEqual({
      name: 'm8g.16xlarge',
      vcpus: 64,
      memoryMiB: 262_144,
      ebsMBps: 2_500,
      ebsBurstMBps: 2_500,
      networkMBps: 3_750,
      dataVolumes: 47,
    });
    expect(HELPER_TYPES.get('c7gn.4xlarge')).toEqual({
      name: 'c7gn.4xlarge',
      vcpus: 16,
      memoryMiB: 32_768,
      ebsMBps: 1_041.62,
      ebsBurstMBps: 1_250,
      networkMBps: 6_250,
      dataVolumes: 26,
    });
  });

  it('exist, have all figures, and fit one DescribeInstanceTypes', () => {
    const known = new Set<string>(Object.values(_InstanceType));
    expect([...HELPER_TYPES.keys()].filter((name) => !known.has(name))).toEqual([]);
    for (const { name, ...figures } of ALL) {
      for (const [figure, value] of Object.entries(figures))
        expect(value, `${name}.${figure}`).toBeGreaterThan(0);
    }
    expect(HELPER_TYPES.size).toBeLessThanOrEqual(100);
  });

  it.each([
    // What EC2 says, and volumes besides the root. A shared limit comes with or without the one interface.
    [32, 'dedicated', 31],
    [128, 'dedicated', 75],
    [28, 'shared', 26],
    [27, 'shared', 26],
    [23, 'shared', 22],
  ] as const)('with a limit of %d, %s, take %d volumes', (limit, attachments, volumes) => {
    expect(dataVolumesOf(limit, attachments)).toBe(volumes);
  });

  it('are what EC2 says they are where it differs from the table', () => {
    const known = HELPER_TYPES.get('c8gb.xlarge');
    expect(asEc2Says({ InstanceType: 'c8gb.xlarge' }, known)).toEqual(known);
    expect(
      asEc2Says(
        {
          InstanceType: 'c8gb.xlarge',
          VCpuInfo: { DefaultVCpus: 3 },
          MemoryInfo: { SizeInMiB: 7_000 },
          EbsInfo: {
            MaximumEbsAttachments: 27,
            AttachmentLimitType: 'shared',
            EbsOptimizedInfo: { BaselineThroughputInMBps: 700.5, MaximumThroughputInMBps: 900 },
          },
          NetworkInfo: { NetworkCards: [{ NetworkCardIndex: 0, BaselineBandwidthInGbps: 4 }] },
        },
        known,
      ),
    ).toEqual({
      name: 'c8gb.xlarge',
      vcpus: 3,
      memoryMiB: 7_000,
      ebsMBps: 700.5,
      ebsBurstMBps: 900,
      networkMBps: 500,
      dataVolumes: 26,
    });
  });
});

describe('the choice of a helper’s type', () => {
  it.each([
    // 131 MB/s: 195 MB/s of the smallest are enough.
    [1, ['c8gb.medium', 'm8gb.medium', 'r8gb.medium', 'c8gn.large', 'c7gn.xlarge']],
    // 524 MB/s
    [4, ['c8gb.xlarge', 'm8gb.xlarge', 'r8gb.xlarge', 'c8gn.xlarge', 'c7gn.xlarge']],
    // 917 MB/s: 781 are little less, and within a fresh account's vCPUs.
    [7, ['c8gb.xlarge', 'm8gb.xlarge', 'r8gb.xlarge', 'c8gn.xlarge', 'c7gn.xlarge']],
    // 1,048 MB/s: 781 would be too much less; the last one is for where vCPUs are short.
    [8, ['c8gb.2xlarge', 'm8gb.2xlarge', 'r8gb.2xlarge', 'c8gn.2xlarge', 'c8gb.xlarge']],
    // 4,063 MB/s, of which the program moves 1,500; 31 volumes besides the root are the most up to 12xlarge.
    [31, ['c8gb.2xlarge', 'm8gb.2xlarge', 'r8gb.2xlarge', 'c8gn.2xlarge', 'c8gb.xlarge']],
    [32, ['c8gb.16xlarge', 'm8gb.16xlarge', 'r8gb.16xlarge', 'c8gn.16xlarge', 'c8g.16xlarge']],
    [64, ['c8g.48xlarge', 'm8g.48xlarge', 'r8g.48xlarge']],
  ])('for %d default volumes', (disks, names) => {
    expect(namesOf(ALL, disks)).toEqual(names);
  });

  it('leaves the target its vCPUs of an account’s first quota', () => {
    const choiceBeside = (vcpusBeside: number) => chooseHelperType(ALL, { ...gp3(7), vcpusBeside });
    const list = (choice: ReturnType<typeof choiceBeside>) =>
      choice && [choice.best, ...choice.fallbacks].map(({ name }) => name);
    // One vCPU leaves room for the 4 that have 85 % of the speed.
    expect(list(choiceBeside(1))?.[0]).toBe('c8gb.xlarge');
    expect(choiceBeside(1)?.reason).toContain(
      'within the 5 vCPUs of an account’s first quota, of which the target takes 1: ',
    );
    // Two do not, and what has at most 3 is too slow to be the first choice: it is the last one.
    expect(list(choiceBeside(2))).toEqual([
      'c8gb.2xlarge',
      'm8gb.2xlarge',
      'r8gb.2xlarge',
      'c8gn.2xlarge',
      'c8gb.large',
    ]);
    // Beside a large target there is no room in that quota, so it is none that anybody has.
    expect(list(choiceBeside(16))?.[0]).toBe('c8gb.2xlarge');
  });

  it('is made among what the zone offers', () => {
    const graviton3 = ALL.filter(({ name }) => name.startsWith('c7g.'));
    // 262 MB/s: c7g.xlarge has 156.
    expect(namesOf(graviton3, 2)).toEqual(['c7g.2xlarge', 'c7g.xlarge']);
    expect(namesOf(graviton3, 26)).toEqual(['c7g.12xlarge', 'c7g.xlarge']);
    expect(namesOf(graviton3, 27)).toBeUndefined();
    expect(namesOf([], 1)).toBeUndefined();
  });

  it('holds the network to what the volumes take, too', () => {
    // 937 Mbit/s are 117 MB/s, less than one volume takes, though 200 go to EBS.
    const narrow = {
      ...ALL[0],
      name: 'x1.large',
      ebsMBps: 200,
      networkMBps: 117.125,
      vcpus: 2,
    } as HelperType;
    const wide = { ...narrow, name: 'x1.xlarge', networkMBps: 234, vcpus: 4 };
    expect(namesOf([narrow, wide], 1)).toEqual(['x1.xlarge']);
  });

  it('leaves out what has too little memory', () => {
    const small = { ...ALL[0], name: 'x1.small', memoryMiB: 1_024 } as HelperType;
    expect(namesOf([small], 1)).toBeUndefined();
  });

  it('finds no helper for more disks than there are device names', () => {
    expect(namesOf(ALL, 75)?.[0]).toBe('c8g.48xlarge');
    expect(namesOf(ALL, 76)).toBeUndefined();
  });

  it('says why, with figures', () => {
    const reason = (disks: number) => chooseHelperType(ALL, gp3(disks))?.reason;
    expect(reason(1)).toBe(
      'the smallest type that carries what the volume can take (132 MB/s): 195 MB/s to EBS (3125 in bursts) and 260 MB/s to the network, 1 vCPU, 31 volumes besides its root',
    );
    expect(reason(7)).toBe(
      'carries 85 % of what the 7 volumes can take together (918 MB/s), within the 5 vCPUs of an account’s first quota: 781 MB/s to EBS (3125 in bursts) and 1041 MB/s to the network, 4 vCPUs, 31 volumes besides its root',
    );
    expect(reason(64)).toBe(
      'the smallest type that carries the 1500 MB/s that the program moves at most (the 64 volumes can take together 8389 MB/s): 5000 MB/s to EBS and 6250 MB/s to the network, 192 vCPUs, 75 volumes besides its root',
    );
    const slow = ALL.filter(({ name }) => name === 'c7g.4xlarge');
    expect(chooseHelperType(slow, gp3(6))?.reason).toBe(
      'the fastest type offered; it carries 79 % of what the 6 volumes can take together (787 MB/s): 625 MB/s to EBS (1250 in bursts) and 937 MB/s to the network, 16 vCPUs, 26 volumes besides its root',
    );
  });

  it('takes every volume, is no larger than needed, and always leaves a small one to fall back on', () => {
    fc.assert(
      fc.property(
        fc.subarray(ALL, { minLength: 1 }),
        fc.integer({ min: 1, max: 80 }),
        fc.integer({ min: 1, max: 4_000 }),
        (offered, disks, volumeMBps) => {
          const volumesMBps = disks * volumeMBps;
          const able = offered.filter(({ dataVolumes }) => dataVolumes >= disks);
          const choice = chooseHelperType(offered, { disks, volumesMBps });
          if (!choice) return void expect(able).toEqual([]);
          const listed = [choice.best, ...choice.fallbacks];
          expect(new Set(listed.map(({ name }) => name)).size).toBe(listed.length);
          expect(listed.length).toBeLessThanOrEqual(5);
          expect(listed.every((type) => able.includes(type))).toBe(true);
          expect(listed.some(({ vcpus }) => vcpus <= 5)).toBe(able.some(({ vcpus }) => vcpus <= 5));
          const rate = ({ ebsMBps, networkMBps = 0 }: HelperType) => Math.min(ebsMBps, networkMBps);
          const wanted = Math.min(volumesMBps, 1_500);
          const most = Math.min(wanted, Math.max(...able.map(rate)));
          expect(rate(choice.best)).toBeGreaterThanOrEqual(0.75 * most);
          const smaller = able.filter(({ vcpus }) => vcpus < choice.best.vcpus);
          expect(smaller.every((type) => rate(type) < wanted)).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });
});
