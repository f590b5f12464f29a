import { beforeAll, describe, expect, test } from 'vitest';
import {
  type BlockTarget,
  createRepository,
  type DiskReader,
  restoreDisk,
} from '../../core/repository/index.ts';
import { BLOCK, backUpDisks, drawn, noise, openDiskOf } from './machines.ts';
import { makeMemoryStore } from './memory-store.ts';

const disk = Buffer.concat([drawn('.AA.' + '....' + '..b.'), noise('last', 1000)]);
let reader: DiskReader;
beforeAll(async () => {
  const repository = await createRepository(makeMemoryStore());
  const { restorePoint } = await backUpDisks(repository, { root: disk });
  reader = await openDiskOf(repository, restorePoint);
});

function makeTarget(size = disk.length) {
  const bytes = Buffer.alloc(size, 0xee);
  const calls: string[] = [];
  let underWay = 0;
  const state = { bytes, calls, mostUnderWay: 0 };
  const later = async (call: string, action: () => unknown) => {
    calls.push(call);
    underWay += 1;
    state.mostUnderWay = Math.max(state.mostUnderWay, underWay);
    await new Promise((resolve) => setTimeout(resolve, 2));
    action();
    underWay -= 1;
  };
  const target: BlockTarget = {
    size,
    write: (offset, content) => later(`write ${offset} ${content.length}`, () => bytes.set(content, offset)),
    zero: (offset, length) => later(`zero ${offset} ${length}`, () => bytes.fill(0, offset, offset + length)),
    flush: () => later(`flush after ${underWay}`, () => undefined),
  };
  return { target, ...state, state };
}

describe('a disk is restored', () => {
  test('whole onto a target of any content, with several writes under way, and flushed at the end', async () => {
    const { target, bytes, calls, state } = makeTarget(disk.length + 5);
    const done = await restoreDisk(reader, target, { zeroRanges: true });
    expect(bytes.subarray(0, disk.length).equals(disk)).toBe(true);
    // What lies past the disk's end is left alone.
    expect(bytes.subarray(disk.length).toString('hex')).toBe('eeeeeeeeee');
    expect(calls).toEqual([
      `zero 0 ${BLOCK}`,
      `write ${BLOCK} ${BLOCK}`,
      `write ${2 * BLOCK} ${BLOCK}`,
      `zero ${3 * BLOCK} ${7 * BLOCK}`,
      `write ${10 * BLOCK} ${BLOCK}`,
      `zero ${11 * BLOCK} ${BLOCK}`,
      `write ${12 * BLOCK} 1000`,
      'flush after 0',
    ]);
    expect(state.mostUnderWay).toBeGreaterThan(1);
    expect(done).toEqual({ writtenBytes: 3 * BLOCK + 1000, zeroedBytes: 9 * BLOCK });
  });

  test('without touching ranges of zeros where the target is blank', async () => {
    const { target, calls } = makeTarget();
    expect(await restoreDisk(reader, target, { zeroRanges: false })).toEqual({
      writtenBytes: 3 * BLOCK + 1000,
      zeroedBytes: 0,
    });
    expect(calls.filter((call) => call.startsWith('zero'))).toEqual([]);
  });

  test('with progress up to the end', async () => {
    const seen: number[] = [];
    const onProgress = ({ doneBytes, sizeBytes }: { doneBytes: number; sizeBytes: number }) => {
      expect(sizeBytes).toBe(disk.length);
      seen.push(doneBytes);
    };
    await restoreDisk(reader, makeTarget().target, { zeroRanges: false, onProgress });
    expect(seen.at(-1)).toBe(disk.length);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  });

  test('not at all onto a target that is too small', async () => {
    const { target, calls } = makeTarget(disk.length - 1);
    await expect(restoreDisk(reader, target, { zeroRanges: true })).rejects.toMatchObject({
      name: 'TargetTooSmall',
    });
    expect(calls).toEqual([]);
  });

  test('until the target fails, and then no further', async () => {
    const { target, calls } = makeTarget();
    const failing: BlockTarget = {
      ...target,
      write: async (offset, content) => {
        if (offset === 2 * BLOCK) throw new Error('no space left on device');
        return target.write(offset, content);
      },
    };
    await expect(restoreDisk(reader, failing, { zeroRanges: false })).rejects.toThrow(
      'no space left on device',
    );
    const then = calls.length;
    expect(calls).not.toContain('flush after 0');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(calls).toHaveLength(then);
  });

  test('until it is told to stop', async () => {
    const stop = new AbortController();
    const reason = new Error('not wanted any more');
    const { target, calls } = makeTarget();
    const onProgress = () => stop.abort(reason);
    const restoring = restoreDisk(reader, target, { zeroRanges: true, signal: stop.signal, onProgress });
    await expect(restoring).rejects.toBe(reason);
    expect(calls.filter((call) => call.startsWith('flush'))).toEqual([]);
  });
});
