import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  blocksOf,
  directFloorSeconds,
  estimateDirect,
  estimateHelper,
  estimateUpload,
  weightUsd,
  writingTime,
} from '../../core/model/cost-model.ts';
import type { Estimate } from '../../core/model/estimate.ts';
import { estimateSchema, tellDuration, tellUsd } from '../../core/model/estimate.ts';

const GIB = 1024 ** 3;
const TIB = 1024 ** 4;

/** A disk whose every byte is written, as each strategy needs to know it: 16 GiB batches, 1 GiB parts, default gp3. */
const fullDisk = (sizeBytes: number, more: object = {}) => ({
  sizeBytes,
  writtenBytes: sizeBytes,
  batchBytes: 16 * GIB,
  partBytes: GIB,
  volumeMibps: 125,
  workers: 12,
  ...more,
});
const costOf = ({ costs }: Estimate, what: string): number | undefined =>
  costs.find((cost) => cost.what === what)?.usd;
const secondsOf = ({ phases }: Estimate, what: string): number | undefined =>
  phases.find((phase) => phase.what === what)?.seconds;

describe('one TiB that is not zero, worked out by hand', () => {
  const disk = fullDisk(TIB);

  it('by direct: 2,097,152 puts at $0.006 a thousand, 35.0 minutes at the least', () => {
    const estimate = estimateDirect({
      disks: [disk],
      conversion: 'none',
      target: 'instance',
      accountPutsPerSecond: 5_000,
    });
    // 2^40 / 2^19 = 2^21
    expect(blocksOf(disk)).toBe(2_097_152);
    // 2,097,152 x 0.000006
    expect(costOf(estimate, 'PutSnapshotBlock')).toBeCloseTo(12.582_912, 9);
    // 2,097,152 / 1,000 = 2,097.152 s = 34.95 min
    expect(directFloorSeconds(disk)).toBeCloseTo(2_097.152, 9);
    expect((directFloorSeconds(disk) / 60).toFixed(1)).toBe('35.0');
    // 95 % of it: 2,097.152 / 0.95
    expect(secondsOf(estimate, 'write snapshots')).toBeCloseTo(2_207.528_4, 3);
    // 15 plan + 2,207.5 + 60 complete + 30 volume + 45 attach
    expect(estimate.bootableSeconds).toBeCloseTo(2_357.528_4, 3);
    // 12 Lambdas of 2 GB for as long: 2,207.528 x 12 x 2 x 0.0000133334
    expect(costOf(estimate, 'Lambda')).toBeCloseTo(0.706_412, 5);
    // 2^20 MiB at 17 MiB/s, which nobody promises
    expect(estimate.fullSpeed).toBe('assumed');
    expect(estimate.fullSpeedSeconds - estimate.bootableSeconds).toBeCloseTo(61_680.94, 1);
  });

  it('by direct, filled at 300 MiB/s: 58 minutes and $3.69 more', () => {
    const disks = [{ ...disk, initializationMibps: 300 }];
    const estimate = estimateDirect({
      disks,
      conversion: 'none',
      target: 'instance',
      accountPutsPerSecond: 5_000,
    });
    // 2^20 MiB / 300 = 3,495.3 s = 58.3 min
    expect(estimate.fullSpeedSeconds - estimate.bootableSeconds).toBeCloseTo(3_495.25, 1);
    expect(estimate.fullSpeed).toBe('provisioned');
    // 1,024 x 0.0036
    expect(costOf(estimate, 'initialization at the provisioned rate')).toBeCloseTo(3.686_4, 9);
  });

  it('by a helper: as long as its volume takes, for its hours', () => {
    // c8gb.xlarge: 4 vCPUs at $0.05925, 781.25 MB/s
    const work = { disks: [disk], helperMBps: 781.25, helperHourUsd: 0.237, passes: 1 };
    const estimate = estimateHelper({ ...work, conversion: 'none', target: 'instance' });
    // 2^20 MiB / 125 = 8,388.608 s
    expect(secondsOf(estimate, 'write')).toBeCloseTo(8_388.608, 6);
    // + 90 up + 30 down = 8,508.608 s = 2.3635 h at $0.237
    expect(costOf(estimate, 'helper instance')).toBeCloseTo(0.560_15, 5);
    // 15 plan + 8,508.608 + 45 attach; at full speed from the beginning
    expect(estimate.bootableSeconds).toBeCloseTo(8_568.608, 6);
    expect(estimate).toMatchObject({ fullSpeed: 'ready', fullSpeedSeconds: estimate.bootableSeconds });
    expect(writingTime(work)).toEqual({ seconds: expect.closeTo(8_388.608, 6), slowest: 0 });
    // With eight such volumes the helper is what is slow: 8 x 1,099.5 GB / 781.25 MB/s
    const eight = Array.from({ length: 8 }, () => disk);
    expect(writingTime({ ...work, disks: eight })).toEqual({
      seconds: expect.closeTo(11_258.999, 2),
      slowest: undefined,
    });
    // Everything read back takes as long again.
    expect(writingTime({ ...work, passes: 2 }).seconds).toBeCloseTo(16_777.216, 6);
  });

  it('by upload: 1,024 parts, Lambda seconds at 75 MiB/s, and VM Import’s pace', () => {
    const estimate = estimateUpload({ disks: [disk], conversion: 'none', target: 'instance' });
    // 1,024 x 0.000005
    expect(costOf(estimate, 'S3 requests')).toBeCloseTo(0.005_12, 9);
    // 2^20 MiB / 75 = 13,981.01 s x 2 GB x 0.0000133334
    expect(costOf(estimate, 'Lambda')).toBeCloseTo(0.372_829, 5);
    // 64 batches, 16 at once: 4 rounds of 16,384 MiB / 75
    expect(secondsOf(estimate, 'upload as RAW')).toBeCloseTo(873.813, 2);
    // 1,080 whatever the size, 2^20 MiB / 60, 30 for the volume
    expect(secondsOf(estimate, 'import, and make volumes')).toBeCloseTo(18_586.266, 2);
    // 15 + 20 + 873.8 + 18,586.3 + 45
    expect(estimate.bootableSeconds).toBeCloseTo(19_540.08, 1);
    // 1,024 GiB for 19,540 s of a month of 730 h at $0.023
    expect(costOf(estimate, 'RAW objects in S3 meanwhile')).toBeCloseTo(0.175_118, 4);
  });
});

describe('the account’s budget of puts', () => {
  const five = Array.from({ length: 5 }, () => fullDisk(TIB));
  const writing = (accountPutsPerSecond: number) =>
    secondsOf(
      estimateDirect({ disks: five, conversion: 'none', target: 'instance', accountPutsPerSecond }),
      'write snapshots',
    );

  it('lets five snapshots go at full rate where it is 5,000, and one where it is 1,000', () => {
    expect(writing(5_000)).toBeCloseTo(2_207.528, 2);
    expect(writing(1_000)).toBeCloseTo(5 * 2_207.528, 1);
  });
});

describe('a small machine', () => {
  it('waits for its target, whichever way its disks come', () => {
    const disk = { ...fullDisk(8 * GIB), writtenBytes: GIB, batchBytes: GIB };
    const direct = estimateDirect({
      disks: [disk],
      conversion: 'none',
      target: 'instance',
      accountPutsPerSecond: 1_000,
    });
    // 15 plan + 180 target + 45 attach: the disk itself is there after 2 s of puts (or 14 s of one Lambda) and 90 s more.
    expect(direct.bootableSeconds).toBeCloseTo(240, 6);
    expect(secondsOf(direct, 'write snapshots')).toBeCloseTo(1_024 / 75, 6);
  });

  it('waits for none where volumes alone are asked for', () => {
    const disk = { ...fullDisk(8 * GIB), writtenBytes: GIB, batchBytes: GIB };
    const work = { disks: [disk], conversion: 'none', target: 'none' } as const;
    const direct = estimateDirect({ ...work, accountPutsPerSecond: 1_000 });
    // 15 plan + 13.7 of one Lambda + 60 complete + 30 volume
    expect(direct.bootableSeconds).toBeCloseTo(118.653, 2);
  });

  it('is converted after its disks are there, where it is not from EC2', () => {
    const disk = { ...fullDisk(8 * GIB), writtenBytes: GIB };
    const work = { disks: [disk], helperMBps: 781.25, helperHourUsd: 0.237, passes: 1 };
    const converted = estimateHelper({ ...work, conversion: 'import-image', target: 'instance' });
    // 40 min + 8,192 MiB / 60
    expect(secondsOf(converted, 'convert by ImportImage')).toBeCloseTo(2_536.533, 2);
    // Its volumes come from the image's snapshots then.
    expect(converted.fullSpeed).toBe('assumed');
    // ImportImage takes RAW objects as they are: no snapshot is imported before.
    const uploaded = estimateUpload({ ...work, conversion: 'import-image', target: 'instance' });
    expect(uploaded.phases.map(({ what }) => what)).not.toContain('import, and make volumes');
    expect(uploaded.bootableSeconds).toBeLessThan(converted.bootableSeconds + 120);
  });
});

describe('every estimate', () => {
  const disk = fc.record({
    sizeGib: fc.integer({ min: 1, max: 7_000 }),
    written: fc.double({ min: 0, max: 1, noNaN: true }),
    batchGib: fc.integer({ min: 1, max: 16 }),
    volumeMibps: fc.integer({ min: 40, max: 2_000 }),
    rate: fc.option(fc.integer({ min: 100, max: 300 }), { nil: undefined }),
  });
  const machine = fc.record({
    disks: fc.array(disk, { minLength: 1, maxLength: 24 }),
    budget: fc.constantFrom(1_000, 5_000),
  });
  type Machine = typeof machine extends fc.Arbitrary<infer T> ? T : never;
  const work = ({ disks }: Machine, share = 1) =>
    disks.map(({ sizeGib, written, batchGib, volumeMibps, rate }) => ({
      sizeBytes: sizeGib * GIB,
      writtenBytes: Math.floor(sizeGib * GIB * written * share),
      batchBytes: batchGib * GIB,
      partBytes: GIB,
      volumeMibps,
      workers: 12,
      ...(rate === undefined ? {} : { initializationMibps: rate }),
    }));
  const estimates = (of: Machine, share?: number): Estimate[] => [
    estimateUpload({ disks: work(of, share), conversion: 'none', target: 'instance' }),
    estimateHelper({
      disks: work(of, share),
      conversion: 'none',
      target: 'instance',
      helperMBps: 781.25,
      helperHourUsd: 0.237,
      passes: 1,
    }),
    estimateDirect({
      disks: work(of, share),
      conversion: 'none',
      target: 'instance',
      accountPutsPerSecond: of.budget,
    }),
  ];

  it('adds up, and is never at full speed before it can boot', () => {
    fc.assert(
      fc.property(machine, (of) => {
        for (const estimate of estimates(of)) {
          expect(estimateSchema.parse(estimate)).toEqual(estimate);
          const { bootableSeconds, fullSpeedSeconds, costUsd, costs, phases } = estimate;
          expect(phases.reduce((total, { seconds }) => total + seconds, 0)).toBeCloseTo(bootableSeconds, 4);
          expect(costs.reduce((total, { usd }) => total + usd, 0)).toBeCloseTo(costUsd, 6);
          expect(fullSpeedSeconds).toBeGreaterThanOrEqual(bootableSeconds);
          // Nothing is faster than the plan, the target and the attaching.
          expect(bootableSeconds).toBeGreaterThanOrEqual(240 - 1e-6);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('takes no less time and no less money when more is written', () => {
    fc.assert(
      fc.property(machine, fc.double({ min: 0, max: 1, noNaN: true }), (of, share) => {
        const less = estimates(of, share);
        for (const [index, whole] of estimates(of).entries()) {
          const part = less[index];
          expect(whole.bootableSeconds).toBeGreaterThanOrEqual((part?.bootableSeconds ?? 0) - 1e-6);
          expect(whole.fullSpeedSeconds).toBeGreaterThanOrEqual((part?.fullSpeedSeconds ?? 0) - 1e-6);
          expect(whole.costUsd).toBeGreaterThanOrEqual((part?.costUsd ?? 0) - 1e-9);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('weighs more the longer it takes and the more it costs', () => {
    const weight = (bootableSeconds: number, fullSpeedSeconds: number, costUsd: number) =>
      weightUsd({ bootableSeconds, fullSpeedSeconds, costUsd });
    // $20 an hour until it boots, half a dollar an hour until it is at full speed
    expect(weight(1_800, 1_800, 3)).toBeCloseTo(13, 9);
    expect(weight(1_800, 9_000, 3)).toBeCloseTo(14, 9);
  });
});

describe('what a person is told', () => {
  it.each([
    [29, 'under a minute'],
    [240, '4 min'],
    [3_570, '1 h 00 min'],
    [10_156, '2 h 49 min'],
    [536_000, '6.2 days'],
  ])('%d seconds are %s', (seconds, told) => expect(tellDuration(seconds)).toBe(told));

  it.each([
    [0.0049, 'under $0.01'],
    [0.013, '$0.01'],
    [12.582_912, '$12.58'],
    [1_044.8, '$1,045'],
  ])('%d dollars are %s', (usd, told) => expect(tellUsd(usd)).toBe(told));
});
