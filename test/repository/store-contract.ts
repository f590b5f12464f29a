import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Store, StoredObject } from '../../core/repository/store.ts';

export interface StoreUnderTest {
  readonly store: Store;
  /** A second adapter over the same objects, as another machine would have. */
  readonly other: Store;
  stop(): Promise<void>;
}

const bytes = (text: string) => Buffer.from(text);
const text = (content: Uint8Array) => Buffer.from(content).toString();

async function listed(store: Store, prefix: string, startAfter?: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix, { startAfter })) keys.push(key);
  return keys;
}

/** What every store must do; see the contract in core/repository/store.ts. `make` answers an empty store. */
export function describeStoreContract(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(`${name} keeps the contract of a store`, () => {
    let tested: StoreUnderTest;
    beforeAll(async () => {
      tested = await make();
    });
    afterAll(() => tested.stop());

    test('what was put is read back, by another adapter too, whole and in ranges', async () => {
      const { store, other } = tested;
      expect(await store.put('packs/ab/abc', bytes('0123456789'))).toBe('written');
      expect(text(await store.get('packs/ab/abc'))).toBe('0123456789');
      expect(text(await other.get('packs/ab/abc'))).toBe('0123456789');
      expect(text(await store.get('packs/ab/abc', { offset: 3, length: 4 }))).toBe('3456');
      expect(text(await store.get('packs/ab/abc', { offset: 8 }))).toBe('89');
      expect(text(await store.get('packs/ab/abc', { length: 10 }))).toBe('0123456789');
    });

    test('a put replaces, and a put of nothing is an empty object', async () => {
      const { store } = tested;
      await store.put('replaced', bytes('first, and longer'));
      expect(await store.put('replaced', bytes('second'))).toBe('written');
      expect(text(await store.get('replaced'))).toBe('second');
      await store.put('empty', bytes(''));
      expect(await store.get('empty')).toHaveLength(0);
    });

    test('the bytes that were put may be changed afterwards, and those that were got before', async () => {
      const { store } = tested;
      const own = bytes('mine');
      await store.put('owned', own);
      own.fill(0);
      const got = await store.get('owned');
      expect(text(got)).toBe('mine');
      got.fill(0);
      expect(text(await store.get('owned'))).toBe('mine');
    });

    test('a part of a larger buffer is put as that part', async () => {
      const { store } = tested;
      await store.put('part', bytes('..part..').subarray(2, 6));
      expect(text(await store.get('part'))).toBe('part');
    });

    test('a large object comes back as it was', async () => {
      const { store } = tested;
      const large = Buffer.alloc(9 * 1024 ** 2, 'the quick brown fox ');
      await store.put('large', large);
      expect(large.equals(await store.get('large'))).toBe(true);
      expect(text(await store.get('large', { offset: large.length - 4 }))).toBe(text(large.subarray(-4)));
    });

    test('ifAbsent changes nothing that is there', async () => {
      const { store, other } = tested;
      expect(await store.put('once', bytes('first'), { ifAbsent: true })).toBe('written');
      expect(await other.put('once', bytes('second'), { ifAbsent: true })).toBe('exists');
      expect(text(await store.get('once'))).toBe('first');
    });

    test('of many conditional puts at once exactly one wins, and the object is that one', async () => {
      const { store, other } = tested;
      const puts = Array.from({ length: 12 }, (_, nth) =>
        (nth % 2 ? store : other).put('race', bytes(`writer ${nth}`.repeat(500)), { ifAbsent: true }),
      );
      const outcomes = await Promise.all(puts);
      const winner = outcomes.indexOf('written');
      expect(outcomes.filter((outcome) => outcome === 'written')).toHaveLength(1);
      expect(text(await store.get('race'))).toBe(`writer ${winner}`.repeat(500));
    });

    test('a reader sees one put or another, never a mixture', async () => {
      const { store, other } = tested;
      const versions = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(300_000));
      await store.put('mixed', bytes(versions[0] ?? ''));
      const writing = Promise.all(versions.map((version) => store.put('mixed', bytes(version))));
      for (let reads = 0; reads < 10; reads += 1) expect(versions).toContain(text(await other.get('mixed')));
      await writing;
      expect(versions).toContain(text(await other.get('mixed')));
    });

    test('an object that is not there, and bytes that are not there', async () => {
      const { store } = tested;
      await expect(store.get('absent')).rejects.toMatchObject({ name: 'ObjectNotFound', key: 'absent' });
      await expect(store.get('absent/too', { offset: 1, length: 2 })).rejects.toMatchObject({
        name: 'ObjectNotFound',
      });
      await store.put('short', bytes('12345'));
      for (const range of [
        { offset: 3, length: 3 },
        { offset: 5, length: 1 },
        { offset: 5 },
        { offset: 900 },
        { length: 6 },
      ]) {
        const reading = store.get('short', range);
        await expect(reading, JSON.stringify(range)).rejects.toMatchObject({
          name: 'ObjectTooShort',
          key: 'short',
        });
      }
    });

    test('a folder of keys is no object', async () => {
      const { store } = tested;
      await store.put('nested/deep/key', bytes('x'));
      await expect(store.get('nested/deep')).rejects.toMatchObject({ name: 'ObjectNotFound' });
      await expect(store.get('nested/deep/key/more')).rejects.toMatchObject({ name: 'ObjectNotFound' });
    });

    test('keys that could lead elsewhere are refused by every call', async () => {
      const { store } = tested;
      for (const key of [
        '',
        '/',
        '/etc/passwd',
        '../up',
        'a/../b',
        'a//b',
        'a/',
        '.hidden',
        'a/.b',
        'a\\b',
        'a b',
        'ä',
        'a\0',
        'x'.repeat(513),
      ]) {
        const refused = { name: 'InvalidKey' };
        await expect((async () => store.get(key))(), key).rejects.toMatchObject(refused);
        await expect((async () => store.put(key, bytes('x')))(), key).rejects.toMatchObject(refused);
        await expect((async () => store.delete([key]))(), key).rejects.toMatchObject(refused);
      }
    });

    test('lists by prefix, in the order of the keys as bytes, after a key', async () => {
      const { store, other } = tested;
      const keys = [
        'list/a',
        'list/a-b',
        'list/a.b',
        'list/a/b',
        'list/a/c/d',
        'list/a0',
        'list/aa',
        'list/B',
        'list/b/1',
        'list/b/2',
        'listed',
      ];
      for (const key of keys.toReversed()) await store.put(key.replace('list/a/', 'list/x/'), bytes(key));
      const expected = keys.map((key) => key.replace('list/a/', 'list/x/')).sort();
      expect(await listed(other, 'list')).toEqual(expected);
      expect(await listed(other, 'list/')).toEqual(expected.slice(0, -1));
      expect(await listed(other, 'list/a')).toEqual(['list/a', 'list/a-b', 'list/a.b', 'list/a0', 'list/aa']);
      expect(await listed(other, 'list/b/')).toEqual(['list/b/1', 'list/b/2']);
      expect(await listed(other, 'list/b/2')).toEqual(['list/b/2']);
      expect(await listed(other, 'nothing/here')).toEqual([]);
      for (const after of [
        ...expected,
        'list/',
        'list/a-',
        'list/x',
        'list/x/b',
        'list/zzz',
        'a',
        'z',
        'list/b/1/none',
      ]) {
        expect(await listed(store, 'list', after), `after ${after}`).toEqual(
          expected.filter((key) => key > after),
        );
      }
    });

    test('lists say size and time', async () => {
      const { store } = tested;
      const before = Date.now();
      await store.put('sized/one', bytes('12345'));
      const found: StoredObject[] = [];
      for await (const object of store.list('sized/')) found.push(object);
      expect(found).toMatchObject([{ key: 'sized/one', size: 5 }]);
      // S3 keeps whole seconds.
      expect(Math.abs((found[0]?.modified.getTime() ?? 0) - before)).toBeLessThan(60_000);
    });

    test('a later put has a later or equal time', async () => {
      const { store } = tested;
      const timeOf = async () => {
        for await (const { modified } of store.list('timed/')) return modified.getTime();
        return 0;
      };
      await store.put('timed/one', bytes('1'));
      const first = await timeOf();
      await sleep(5);
      await store.put('timed/one', bytes('1'));
      expect(await timeOf()).toBeGreaterThanOrEqual(first);
    });

    test('lists more than a page', async () => {
      const { store, other } = tested;
      const keys = Array.from({ length: 1203 }, (_, nth) => `many/${String(nth).padStart(4, '0')}`);
      for (let from = 0; from < keys.length; from += 50) {
        await Promise.all(keys.slice(from, from + 50).map((key) => store.put(key, bytes('m'))));
      }
      expect(await listed(other, 'many/')).toEqual(keys);
      expect(await listed(other, 'many/', 'many/1199')).toEqual(keys.slice(1200));
      await store.delete(keys);
      expect(await listed(other, 'many/')).toEqual([]);
    });

    test('deletes what is there and does not mind what is not', async () => {
      const { store, other } = tested;
      await store.put('doomed/1', bytes('x'));
      await store.put('doomed/2', bytes('x'));
      await store.delete(['doomed/1', 'doomed/never', 'doomed/2']);
      await store.delete(['doomed/1']);
      await store.delete([]);
      await expect(other.get('doomed/1')).rejects.toMatchObject({ name: 'ObjectNotFound' });
      expect(await listed(other, 'doomed/')).toEqual([]);
      expect(await store.put('doomed/1', bytes('again'), { ifAbsent: true })).toBe('written');
    });

    test('an aborted signal ends a call with its reason', async () => {
      const { store } = tested;
      await store.put('aborted', bytes('x'));
      const reason = new Error('not wanted any more');
      const signal = AbortSignal.abort(reason);
      await expect(store.get('aborted', { signal })).rejects.toBe(reason);
      await expect(store.put('aborted', bytes('y'), { signal })).rejects.toBe(reason);
      const listing = async () => {
        for await (const _ of store.list('aborted', { signal }));
      };
      await expect(listing()).rejects.toBe(reason);
      expect(text(await store.get('aborted'))).toBe('x');
    });
  });
}
