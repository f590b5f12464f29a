import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planParts } from '../../lambdas/restore/plan/upload.ts';
import { cutIntoBatches } from '../../lambdas/restore/upload/batches.ts';
import { partsOf } from '../../lambdas/restore/upload/parts.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const TIB = 1024 ** 4;

describe('the parts of a disk', () => {
  it.each([
    // size, segment: segments in all, segments a part, segments a batch
    [1.25 * GIB, GIB, 2, 1, 1],
    [64 * GIB, GIB, 64, 1, 2],
    [512 * GIB, GIB, 512, 1, 16],
    [8 * TIB - 512, GIB, 8192, 1, 16],
    [40 * MIB, 8 * MIB, 5, 1, 1],
    // Parts of S3 are 5 MiB at least, so two small segments share one.
    [40 * MIB, 4 * MIB, 10, 2, 2],
  ])('%d bytes in segments of %d', (size, segmentBytes, segmentCount, partSegments, batchSegments) => {
    expect(Math.ceil(size / segmentBytes)).toBe(segmentCount);
    expect(planParts({ segmentCount, segmentBytes: segmentBytes as never })).toEqual({
      partSegments,
      batchSegments,
    });
  });

  it('cover the disk once, in order, within the limits of S3, however it is cut into batches', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8 * TIB - 1 }),
        fc.constantFrom(4 * MIB, 8 * MIB, 64 * MIB, GIB),
        (size, segmentBytes) => {
          fc.pre(size / segmentBytes <= 100_000);
          const disk = {
            size: size as never,
            segmentBytes: segmentBytes as never,
            segmentCount: Math.ceil(size / segmentBytes),
          };
          const planned = planParts(disk);
          const parts = cutIntoBatches(disk.segmentCount, planned.batchSegments).flatMap(({ from, to }) =>
            partsOf({ ...disk, ...planned }, from, to),
          );
          expect(parts.length).toBeLessThanOrEqual(10_000);
          let covered = 0;
          for (const [index, part] of parts.entries()) {
            expect(part.number).toBe(index + 1);
            expect(part.fromSegment * segmentBytes).toBe(covered);
            covered += part.bytes;
            expect(part.bytes).toBeLessThanOrEqual(5 * GIB);
            if (index < parts.length - 1) expect(part.bytes).toBeGreaterThanOrEqual(5 * MIB);
          }
          expect(covered).toBe(size);
        },
      ),
      { numRuns: 60 },
    );
  });
});
