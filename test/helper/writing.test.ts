import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { everyBlock, sampledBlocks } from '../../helper/disk/read-back-blocks.ts';
import { unfinishedRanges } from '../../helper/writing/job.ts';
import { makeSegmentPool } from '../../helper/writing/segment-pool.ts';
import { together } from '../../helper/writing/together.ts';

const BLOCK = 524_288;

/** A disk drawn as a character a segment: `.` has no data, `x` has, capitals are finished. */
const disk = (name: string, drawing: string) => ({
  name,
  reader: {
    segmentCount: drawing.length,
    hasData: async (from: number, to: number) => /x/i.test(drawing.slice(from, to)),
  },
  checkpoint: { isFinished: (segment: number) => /[XO]/.test(drawing.charAt(segment)) },
});

describe('the work on a disk', () => {
  test('is its segments with data one by one, and those without together, but for what is finished', async () => {
    const ranges = [];
    for await (const { from, to } of unfinishedRanges(disk('a', '..xx.X..O.x'))) ranges.push([from, to]);
    expect(ranges).toEqual([
      [0, 2],
      [2, 3],
      [3, 4],
      [4, 5],
      [6, 8],
      [9, 10],
      [10, 11],
    ]);
  });
});

describe('the work on several disks', () => {
  /** Takes and gives as so many workers, each being as fast as the other; tells who did what in which order. */
  async function run(disks: ReturnType<typeof disk>[], workers: number): Promise<string[]> {
    const pool = makeSegmentPool(disks);
    const told: string[] = [];
    const work = async () => {
      for (let task = await pool.take(); task; task = await pool.take()) {
        const { job } = task;
        told.push(task.kind === 'write' ? `${job.name}${task.range.from}` : `${job.name} done`);
        await new Promise((resolve) => setTimeout(resolve, 5));
        pool.give(task);
      }
    };
    await Promise.all(Array.from({ length: workers }, work));
    return told;
  }

  test('goes to the disk with the fewest workers, then to the one with the most left', async () => {
    const told = await run([disk('a', 'xxxx'), disk('b', 'xx'), disk('c', 'xxx')], 3);
    expect(told.slice(0, 3).toSorted()).toEqual(['a0', 'b0', 'c0']);
    expect(told.slice(3, 6).toSorted()).toEqual(['a1', 'b1', 'c1']);
    // One worker: the disk with the most left is the first.
    const alone = await run([disk('a', 'xx'), disk('b', 'xxx')], 1);
    expect(alone.slice(0, 5)).toEqual(['b0', 'a0', 'b1', 'a1', 'b2']);
  });

  test('is each segment once, and finished once all its segments are written', async () => {
    const drawings = fc.array(
      fc.array(fc.constantFrom('x', '.', 'X', 'O'), { minLength: 1, maxLength: 12 }),
      { minLength: 1, maxLength: 5 },
    );
    await fc.assert(
      fc.asyncProperty(drawings, fc.integer({ min: 1, max: 9 }), async (drawn, workers) => {
        const disks = drawn.map((segments, nth) => disk(String.fromCharCode(97 + nth), segments.join('')));
        const told = await run(disks, workers);
        expect(new Set(told).size).toBe(told.length);
        for (const [nth, segments] of drawn.entries()) {
          const name = String.fromCharCode(97 + nth);
          const own = told.filter((entry) => entry.startsWith(name));
          expect(own.at(-1)).toBe(`${name} done`);
          const withData = segments.flatMap((segment, at) => (segment === 'x' ? [`${name}${at}`] : []));
          expect(own).toEqual(expect.arrayContaining(withData));
        }
      }),
      { numRuns: 20 },
    );
  });
});

describe('reading back', () => {
  const digest = (index: number) => Buffer.alloc(32, index);
  const segment = (data: readonly number[], blockCount = 64) => ({
    offset: 7 * 64 * BLOCK,
    blockCount,
    dataBlocks: data.map((index) => ({ index, digest: digest(index) })),
  });

  test('of all takes every block in order', () => {
    expect([...everyBlock(segment([1, 3], 4))]).toEqual([
      { offset: (7 * 64 + 0) * BLOCK, digest: undefined },
      { offset: (7 * 64 + 1) * BLOCK, digest: digest(1) },
      { offset: (7 * 64 + 2) * BLOCK, digest: undefined },
      { offset: (7 * 64 + 3) * BLOCK, digest: digest(3) },
    ]);
  });

  test('of a sample takes the first and last data block, and a block of zeros that is one', () => {
    const places = fc.uniqueArray(fc.nat({ max: 63 })).map((indexes) => indexes.toSorted((a, b) => a - b));
    fc.assert(
      fc.property(places, fc.array(fc.double({ min: 0, max: 0.999 }), { minLength: 1 }), (data, numbers) => {
        let nth = 0;
        const random = () => numbers[nth++ % numbers.length] ?? 0;
        const sample = [...sampledBlocks(segment(data), { segmentCount: 8, random })];
        const indexOf = ({ offset }: { offset: number }) => offset / BLOCK - 7 * 64;
        const blocks = sample.filter((block) => block.digest);
        const zeros = sample.filter((block) => !block.digest);
        expect(blocks.map(indexOf)).toEqual(
          expect.arrayContaining([data[0], data.at(-1)].filter((at) => at !== undefined)),
        );
        for (const block of blocks) expect(block.digest).toEqual(digest(indexOf(block)));
        expect(zeros).toHaveLength(data.length < 64 ? 1 : 0);
        for (const block of zeros) expect(data).not.toContain(indexOf(block));
      }),
    );
  });

  test('of samples looks, in the long run, at every block', () => {
    const seen = new Set<number>();
    for (let times = 0; times < 5000; times += 1) {
      const options = { segmentCount: 1, random: Math.random };
      for (const { offset } of sampledBlocks(segment([2, 3, 5, 8, 13], 16), options))
        seen.add(offset / BLOCK - 7 * 64);
    }
    expect([...seen].toSorted((a, b) => a - b)).toEqual(Array.from({ length: 16 }, (_, nth) => nth));
  });
});

describe('tasks together', () => {
  test('end with the first failure, once none is running any more', async () => {
    const ended: string[] = [];
    const slow = async (signal: AbortSignal) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      await new Promise((resolve) => setTimeout(resolve, 10));
      ended.push(String(signal.reason));
      signal.throwIfAborted();
    };
    const failing = async () => {
      throw new Error('first');
    };
    await expect(together([slow, failing, slow], new AbortController().signal)).rejects.toThrow('first');
    expect(ended).toEqual(['Error: first', 'Error: first']);
  });

  test('answer all results in order', async () => {
    const later = async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return 1;
    };
    expect(await together([later, async () => 2], new AbortController().signal)).toEqual([1, 2]);
  });
});
