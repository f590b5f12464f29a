import { describe, expect, it } from 'vitest';
import { estimateDirect, estimateHelper, estimateUpload } from '../../core/model/cost-model.ts';
import type { Estimate } from '../../core/model/estimate.ts';
import { bestStrategy } from '../../lambdas/restore/plan/best-strategy.ts';

const GIB = 1024 ** 3;

interface Facts {
  /** Of each disk, in GiB. */
  readonly size: number;
  readonly written: number;
  readonly disks?: number;
  readonly volumeMibps?: number;
  /** Of the account; 5,000 in five Regions, 1,000 elsewhere. */
  readonly puts?: number;
  readonly impossible?: readonly string[];
}

function candidates({ size, written, disks = 1, volumeMibps = 125, puts = 5_000, impossible = [] }: Facts) {
  const disk = {
    sizeBytes: size * GIB,
    writtenBytes: written * GIB,
    batchBytes: Math.min(16, Math.ceil(size / 32)) * GIB,
    partBytes: GIB,
    volumeMibps,
    workers: 12,
  };
  const work = {
    disks: Array.from({ length: disks }, () => disk),
    conversion: 'none',
    target: 'instance',
  } as const;
  // A c8gb.xlarge: 4 vCPUs, 781.25 MB/s.
  const helper = { helperMBps: 781.25, helperHourUsd: 0.237, passes: 1 };
  const all = {
    upload: estimateUpload(work),
    helper: estimateHelper({ ...work, ...helper }),
    direct: estimateDirect({ ...work, accountPutsPerSecond: puts }),
  };
  return (Object.entries(all) as [keyof typeof all, Estimate][]).map(([name, estimate]) => ({
    name,
    estimate: impossible.includes(name) ? undefined : estimate,
    problems: impossible.includes(name) ? ['the reason', 'another'] : [],
  }));
}

describe('of the strategies that are possible, auto takes', () => {
  it.each<[string, Facts, string]>([
    [
      'the simplest for a small machine, which waits for its target anyway',
      { size: 8, written: 2 },
      'direct',
    ],
    ['direct for one default volume, four times as fast as it', { size: 500, written: 250 }, 'direct'],
    ['direct for a full TiB on a default volume', { size: 1_024, written: 1_024 }, 'direct'],
    ['a helper where the volume is as fast', { size: 500, written: 250, volumeMibps: 500 }, 'helper'],
    ['direct for two disks where it comes out alike', { size: 500, written: 250, disks: 2 }, 'direct'],
    [
      'a helper for two where the account may put 1,000 blocks a second',
      { size: 500, written: 250, disks: 2, puts: 1_000 },
      'helper',
    ],
    [
      'a helper for four: it writes them side by side, and puts cost four times as much',
      { size: 500, written: 250, disks: 4 },
      'helper',
    ],
    ['a helper where direct is not possible', { size: 8, written: 2, impossible: ['direct'] }, 'helper'],
    [
      'upload where it alone is possible',
      { size: 8, written: 2, impossible: ['direct', 'helper'] },
      'upload',
    ],
    [
      'direct where a disk is too large to upload',
      { size: 9_000, written: 50, impossible: ['upload'] },
      'direct',
    ],
  ])('%s', (_what, facts, name) => {
    expect(bestStrategy(candidates(facts))?.name).toBe(name);
  });

  it('none where none is possible', () => {
    const impossible = ['direct', 'helper', 'upload'];
    expect(bestStrategy(candidates({ size: 8, written: 2, impossible }))).toBeUndefined();
  });

  it('the same one whatever order they are told in', () => {
    const told = candidates({ size: 8, written: 2 });
    expect(bestStrategy(told.toReversed())?.name).toBe(bestStrategy(told)?.name);
  });
});

describe('the reason', () => {
  it('is one sentence with the figures of all', () => {
    const facts = { size: 500, written: 250, impossible: ['upload'] };
    expect(bestStrategy(candidates(facts))?.reason).toBe(
      'bootable in about 11 min for about $3.26; upload is not possible (the reason); helper: 37 min, $0.16',
    );
  });

  it('says so where the figures alone do not tell', () => {
    // 25 cents behind the helper.
    const facts = { size: 40, written: 20, volumeMibps: 1_000 };
    expect(bestStrategy(candidates(facts))?.reason).toMatch(
      /^bootable in about 4 min for about \$0\.2\d; simpler than what would come out alike; upload: 32 min, \$0\.0\d; helper: 4 min, \$0\.02$/,
    );
  });
});
