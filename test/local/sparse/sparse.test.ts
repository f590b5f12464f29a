import { mkdtemp, open, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  appendExtent,
  boundExtents,
  clipExtents,
  eachExtent,
  isZero,
  writeSparse,
} from '../../../local/sparse/index.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'landfall-sparse-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('bytes are zero only when each one is', () => {
  expect(isZero(new Uint8Array(0))).toBe(true);
  expect(isZero(new Uint8Array(3 * MIB + 5))).toBe(true);
  for (const at of [0, 1, MIB - 1, MIB, 2 * MIB + 7]) {
    const bytes = new Uint8Array(2 * MIB + 8);
    bytes[at] = 1;
    expect(isZero(bytes), `a one at ${at}`).toBe(false);
  }
});

test('zeros of 64 KiB and more are not written, data is', async () => {
  const path = join(folder, 'written');
  const handle = await open(path, 'w+');
  const bytes = Buffer.alloc(4 * MIB);
  bytes.fill('x', 0, 10);
  bytes.fill('y', 3 * MIB, 3 * MIB + 100);
  const written = await writeSparse(handle, 2 * MIB, bytes);
  await handle.truncate(8 * MIB);
  await handle.close();

  expect(written).toEqual([
    { offset: 2 * MIB, length: 64 * KIB },
    { offset: 5 * MIB, length: 64 * KIB },
  ]);
  const content = await readFile(path);
  expect(content.subarray(2 * MIB, 6 * MIB).equals(bytes)).toBe(true);
  expect(content.subarray(0, 2 * MIB).equals(Buffer.alloc(2 * MIB))).toBe(true);
  expect((await stat(path)).blocks * 512).toBeLessThanOrEqual(128 * KIB + 16 * KIB);
});

/** Ascending disjoint ranges over a line of `size` bytes. */
const ranges = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 40 })), { maxLength: 700 })
  .map((steps) => {
    const list: number[] = [];
    let at = 0;
    for (const [gap, length] of steps) {
      appendExtent(list, at + gap, length);
      at += gap + length;
    }
    return { list, size: at + 5 };
  });

function marked(list: readonly number[], size: number): Set<number> {
  const set = new Set<number>();
  for (const { offset, length } of eachExtent(list)) {
    for (let i = offset; i < Math.min(size, offset + length); i += 1) set.add(i);
  }
  return set;
}

test('a bounded list still covers all that the full one does', () => {
  fc.assert(
    fc.property(ranges, ({ list, size }) => {
      const bounded = boundExtents(list);
      expect(bounded.length).toBeLessThanOrEqual(512);
      const covered = marked(bounded, size);
      for (const byte of marked(list, size)) expect(covered.has(byte)).toBe(true);
      if (list.length <= 512) expect(bounded).toEqual([...list]);
    }),
    { numRuns: 30 },
  );
});

test('a clipped list is what lies within the window', () => {
  fc.assert(
    fc.property(ranges, fc.nat(2_000), fc.nat(2_000), ({ list, size }, from, length) => {
      const whole = marked(list, size);
      const clipped = marked(clipExtents(list, from, length), length);
      for (let i = 0; i < length; i += 1) expect(clipped.has(i)).toBe(whole.has(from + i));
    }),
    { numRuns: 30 },
  );
});
