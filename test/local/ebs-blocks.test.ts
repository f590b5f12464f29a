import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeBlockSet } from '../../local/ebs/block-set.ts';
import { makeBlockSlots } from '../../local/ebs/block-slots.ts';
import { openDigestFile } from '../../local/ebs/digest-file.ts';
import { openSnapshot } from '../../local/ebs/open-snapshot.ts';
import { type BlockRuns, blocksFrom, runsWithout, unionOfRuns } from '../../local/ec2/block-runs.ts';
import { blockOf, sha256 } from './ebs-harness.ts';

const BLOCKS = 70;
const blocks = fc.uniqueArray(fc.nat(BLOCKS - 1));

/** The second implementation: sets of numbers. */
function runsOf(members: readonly number[]): BlockRuns {
  const set = makeBlockSet(BLOCKS);
  for (const block of members) set.add(block);
  return set.runs();
}
const ascending = (members: Iterable<number>) => [...members].sort((a, b) => a - b);

describe('runs of blocks', () => {
  it('are those of the set, as few as can be', () => {
    fc.assert(
      fc.property(blocks, blocks, (added, deleted) => {
        const set = makeBlockSet(BLOCKS);
        for (const block of [...added, ...added]) set.add(block);
        for (const block of deleted) set.delete(block);
        const wanted = ascending(added.filter((block) => !deleted.includes(block)));
        expect([...blocksFrom(set.runs(), 0)]).toEqual(wanted);
        expect(set.size).toBe(wanted.length);
        const gaps = wanted.filter((block) => !wanted.includes(block - 1)).length;
        expect(set.runs().length).toBe(gaps);
      }),
    );
  });

  it('join, take away and begin anywhere as sets do', () => {
    fc.assert(
      fc.property(blocks, blocks, fc.nat(BLOCKS), (a, b, from) => {
        const union = unionOfRuns(runsOf(a), runsOf(b));
        expect([...blocksFrom(union, from)]).toEqual(
          ascending(new Set([...a, ...b])).filter((block) => block >= from),
        );
        const rest = runsWithout(runsOf(a), runsOf(b));
        expect([...blocksFrom(rest, 0)]).toEqual(ascending(a.filter((block) => !b.includes(block))));
      }),
    );
  });
});

describe('the digests of blocks', () => {
  it('are found again, and summed up in the order of the blocks', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'landfall-digests-'));
    try {
      const file = join(folder, 'digests');
      const size = 100_000;
      const digestOf = (block: number) => sha256(Buffer.from(`block ${block}`));
      const { digests, written } = await openDigestFile(file, size);
      expect(written.size).toBe(0);
      const put = [99_999, 3, 70_000, 0, 4, 5];
      for (const block of put) await digests.write(block, digestOf(block));
      await digests.clear(4);
      await digests.close();
      const again = await openDigestFile(file, size);
      expect(again.written.runs()).toEqual([
        [0, 1],
        [3, 1],
        [5, 1],
        [70_000, 1],
        [99_999, 1],
      ]);
      const wanted = sha256(Buffer.concat([0, 3, 5, 70_000, 99_999].map(digestOf))).toString('base64');
      expect(await again.digests.linear(again.written.runs())).toBe(wanted);
      await again.digests.close();
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe('an open snapshot', () => {
  // A device on which every write fails with ENOSPC, of Linux alone.
  it.skipIf(!existsSync('/dev/full'))(
    'does not count a block that was cut off while it was overwritten',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'landfall-open-'));
      try {
        const files = { image: '/dev/full', digests: join(folder, 'digests'), blocks: 8 };
        const { digests } = await openDigestFile(files.digests, files.blocks);
        for (const block of [1, 2]) await digests.write(block, sha256(blockOf(block)));
        await digests.close();
        const snapshot = await openSnapshot(files, () => new Date());
        const put = snapshot.put(1, blockOf(9), sha256(blockOf(9)));
        await expect(put).rejects.toMatchObject({ code: 'ENOSPC' });
        await snapshot.release('keep');
        const again = await openSnapshot(files, () => new Date());
        expect(await again.close()).toMatchObject({ count: 1, runs: [[2, 1]] });
        await again.release('delete');
        expect(existsSync(files.digests)).toBe(false);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  );
});

describe('room for blocks', () => {
  it('is given to so many at once, and to the others in their order unless they go away', async () => {
    const slots = makeBlockSlots(16, 2);
    const calm = new AbortController().signal;
    const leaving = new AbortController();
    const [first] = [await slots.take(calm), await slots.take(calm)];
    const served: string[] = [];
    const third = slots.take(leaving.signal).catch((reason: unknown) => reason);
    const takeAs = async (name: string) => {
      const buffer = await slots.take(calm);
      served.push(name);
      return buffer;
    };
    const [fourth, fifth] = [takeAs('fourth'), takeAs('fifth')];
    leaving.abort('gone');
    expect(await third).toBe('gone');
    slots.give(first ?? Buffer.alloc(16));
    const buffer = await fourth;
    expect(served).toEqual(['fourth']);
    slots.give(buffer);
    await fifth;
    expect(served).toEqual(['fourth', 'fifth']);
  });
});
