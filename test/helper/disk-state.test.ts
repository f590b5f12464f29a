import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DiskState } from '../../core/model/helper.ts';
import { makeCheckpoint } from '../../helper/disk/checkpoint.ts';
import { makeFinishedSegments, parseFinishedSegments } from '../../helper/disk/finished-segments.ts';

/** A second reader of the bits: as the model says it, a bit per segment, the first segment the lowest bit of the first byte. */
function decode(base64: string, segmentCount: number): number[] {
  const binary = [...atob(base64)]
    .map((character) => [...character.charCodeAt(0).toString(2).padStart(8, '0')].reverse().join(''))
    .join('');
  return [...binary.slice(0, segmentCount)].flatMap((bit, segment) => (bit === '1' ? [segment] : []));
}

describe('finished segments', () => {
  test('are a bit each, the first one the lowest of the first byte', () => {
    const finished = makeFinishedSegments(11);
    expect(finished.toBase64()).toBe('AAA=');
    finished.add(0, 1);
    finished.add(9, 11);
    // 0000_0001 and 0000_0110.
    expect(finished.toBase64()).toBe('AQY=');
    expect(finished.count).toBe(3);
  });

  test('are read by anyone who knows the form, and by themselves', () => {
    const disks = fc
      .integer({ min: 1, max: 200 })
      .chain((count) => fc.tuple(fc.constant(count), fc.uniqueArray(fc.nat({ max: count - 1 }))));
    fc.assert(
      fc.property(disks, ([count, segments]) => {
        const finished = makeFinishedSegments(count);
        for (const segment of segments) finished.add(segment, segment + 1);
        const sorted = segments.toSorted((a, b) => a - b);
        expect(decode(finished.toBase64(), count)).toEqual(sorted);
        const again = parseFinishedSegments(finished.toBase64(), count);
        expect(again?.count).toBe(segments.length);
        expect(Array.from({ length: count }, (_, nth) => nth).filter((nth) => again?.has(nth))).toEqual(
          sorted,
        );
      }),
    );
  });

  test.each([
    ['too few bytes', 'AQ==', 11],
    ['too many bytes', 'AQYA', 11],
    ['bits behind the last segment', 'AQg=', 11],
    ['no base64', 'AQ?=', 11],
  ])('are not read from %s', (_what, base64, count) => {
    expect(parseFinishedSegments(base64, count)).toBeUndefined();
  });
});

describe('a checkpoint', () => {
  const state = {
    version: 1,
    restorePoint: 'rp',
    diskId: 'root',
    volumeId: 'vol-0aa',
    segmentCount: 4,
    writtenBytes: 100,
  } as const;

  function make() {
    const calls: string[] = [];
    const flushes: PromiseWithResolvers<void>[] = [];
    const checkpoint = makeCheckpoint({
      state,
      finished: makeFinishedSegments(4),
      flush() {
        calls.push('flush');
        const flush = Promise.withResolvers<void>();
        flushes.push(flush);
        return flush.promise;
      },
      async save({ finished, writtenBytes }: DiskState) {
        calls.push(`save ${decode(finished, 4)} ${writtenBytes}`);
      },
    });
    return { checkpoint, calls, flushes };
  }

  test('notes what was written before the flush, and only once that has ended', async () => {
    const { checkpoint, calls, flushes } = make();
    checkpoint.add({ from: 1, to: 2, writtenBytes: 10 });
    const noting = checkpoint.flushAndNote();
    await Promise.resolve();
    // Comes too late for this flush.
    checkpoint.add({ from: 2, to: 4, writtenBytes: 5 });
    const next = checkpoint.flushAndNote();
    expect(calls).toEqual(['flush']);
    flushes[0]?.resolve();
    await noting;
    expect(calls.slice(0, 2)).toEqual(['flush', 'save 1 110']);
    await new Promise((resolve) => setImmediate(resolve));
    flushes[1]?.resolve();
    await next;
    expect(calls).toEqual(['flush', 'save 1 110', 'flush', 'save 1,2,3 115']);
    await checkpoint.flushAndNote();
    expect(calls).toHaveLength(4);
  });

  test('never notes what could not be flushed, then or later', async () => {
    const { checkpoint, calls, flushes } = make();
    checkpoint.add({ from: 0, to: 1, writtenBytes: 10 });
    const noting = checkpoint.flushAndNote();
    await Promise.resolve();
    flushes[0]?.reject(new Error('EIO'));
    await expect(noting).rejects.toThrow('EIO');
    checkpoint.add({ from: 1, to: 2, writtenBytes: 10 });
    await expect(checkpoint.flushAndNote()).rejects.toThrow('EIO');
    expect(calls).toEqual(['flush']);
  });
});
