import { beforeAll, describe, expect, test } from 'vitest';
import {
  createRepository,
  type DiskPiece,
  type Repository,
  type Store,
} from '../../core/repository/index.ts';
import { BLOCK, backUpDisks, bytesOf, drawn, noise, openDiskOf, text } from './machines.ts';
import { type MemoryStore, makeMemoryStore } from './memory-store.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const TIB = 1024 ** 4;

/** Counts what is asked of a store, and how much of it is under way or not yet consumed. */
function makeWatchedStore(store: Store) {
  const gets: { key: string; bytes: number }[] = [];
  const state = { underWay: 0, got: 0, aborted: 0, delayMs: 0 };
  const watched: Store = {
    ...store,
    async get(key, options) {
      state.underWay += 1;
      try {
        if (state.delayMs > 0) await pause(state.delayMs, options?.signal);
        const bytes = await store.get(key, options);
        gets.push({ key, bytes: bytes.length });
        state.got += bytes.length;
        return bytes;
      } catch (error) {
        if (options?.signal?.aborted) state.aborted += 1;
        throw error;
      } finally {
        state.underWay -= 1;
      }
    },
  };
  return { store: watched, gets, state };
}

const pause = (ms: number, signal?: AbortSignal) =>
  new Promise<void>((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    if (signal?.aborted) stop();
    signal?.addEventListener('abort', stop, { once: true });
  });

async function piecesOf(pieces: AsyncIterable<DiskPiece>): Promise<[string, number, number][]> {
  const found: [string, number, number][] = [];
  for await (const piece of pieces) {
    found.push([piece.kind, piece.offset, piece.kind === 'data' ? piece.bytes.length : piece.length]);
  }
  return found;
}

describe('what a read yields', () => {
  let repository: Repository;
  let id: Awaited<ReturnType<typeof backUpDisks>>['restorePoint'];
  const disk = drawn('.AA.' + '....' + '..B.' + 'C', Buffer.alloc(700));

  beforeAll(async () => {
    repository = await createRepository(makeMemoryStore());
    ({ restorePoint: id } = await backUpDisks(repository, { root: disk }));
  });

  test('blocks and runs of zeros in order, the runs across segments and to the very end', async () => {
    const reader = await openDiskOf(repository, id);
    expect(reader).toMatchObject({ size: 13 * BLOCK + 700, segmentBytes: 4 * BLOCK, segmentCount: 4 });
    expect(await piecesOf(reader.read(0, 4))).toEqual([
      ['zeros', 0, BLOCK],
      ['data', BLOCK, BLOCK],
      ['data', 2 * BLOCK, BLOCK],
      ['zeros', 3 * BLOCK, 7 * BLOCK],
      ['data', 10 * BLOCK, BLOCK],
      ['zeros', 11 * BLOCK, BLOCK],
      ['data', 12 * BLOCK, BLOCK],
      ['zeros', 13 * BLOCK, 700],
    ]);
    expect(await piecesOf(reader.read(1, 3))).toEqual([
      ['zeros', 4 * BLOCK, 6 * BLOCK],
      ['data', 10 * BLOCK, BLOCK],
      ['zeros', 11 * BLOCK, BLOCK],
    ]);
    expect(await piecesOf(reader.read(1, 2))).toEqual([['zeros', 4 * BLOCK, 4 * BLOCK]]);
    expect(await piecesOf(reader.read(2, 2))).toEqual([]);
  });

  test('which segments have data, without reading one', async () => {
    const { store, gets } = makeWatchedStore(repository.store);
    const reader = await openDiskOf({ store, url: '' }, id);
    gets.length = 0;
    expect(await Promise.all([0, 1, 2, 3].map((index) => reader.hasData(index, index + 1)))).toEqual([
      true,
      false,
      true,
      true,
    ]);
    expect(await reader.hasData(1, 1)).toBe(false);
    expect(await reader.hasData(0, 4)).toBe(true);
    expect(gets).toEqual([]);
  });

  test('a range of segments that the disk does not have is refused', async () => {
    const reader = await openDiskOf(repository, id);
    for (const [from, to] of [
      [0, 5],
      [-1, 2],
      [3, 2],
      [0.5, 1],
      [0, Number.NaN],
    ] as const) {
      expect(() => reader.read(from, to)).toThrow(RangeError);
      await expect(reader.hasData(from, to)).rejects.toThrow(RangeError);
    }
  });

  test('the same reader can be read twice, at the same time too, and what it yields can be changed', async () => {
    const reader = await openDiskOf(repository, id);
    for await (const piece of reader.read(0, 4)) if (piece.kind === 'data') piece.bytes.fill(0xff);
    const [one, two] = await Promise.all([bytesOf(reader), bytesOf(reader)]);
    expect(one.equals(disk) && two.equals(disk)).toBe(true);
  });

  test('a disk that is not there is named with those that are', async () => {
    await expect(openDiskOf(repository, id, 'nvme1')).rejects.toMatchObject({
      name: 'DiskNotFound',
      message: `restore point ${id} has no disk "nvme1"; it has root`,
    });
  });
});

describe('what a read asks of the store', () => {
  test('a huge empty disk costs nothing but its disk object', async () => {
    const backing = makeMemoryStore();
    const { store, gets } = makeWatchedStore(backing);
    const repository = await createRepository(store);
    const source = {
      size: 16 * TIB,
      read: async () => {
        throw new Error('there is nothing to read');
      },
      nextData: async () => undefined,
    };
    const { restorePoint, stats } = await backUpDisks(repository, { root: source }, { segmentBytes: GIB });
    expect(stats).toMatchObject({
      sizeBytes: 16 * TIB,
      dataBytes: 0,
      storedBytes: 0,
      packsWritten: 0,
      segmentsWritten: 0,
    });
    const reader = await openDiskOf(repository, restorePoint);
    gets.length = 0;
    expect(await piecesOf(reader.read(0, reader.segmentCount))).toEqual([['zeros', 0, 16 * TIB]]);
    expect(gets).toEqual([]);
    // 16,384 segments of 36 bytes, 104 before and 32 after them.
    const diskObject = [...backing.objects].find(([key]) => key.startsWith('disks/'))?.[1].bytes;
    expect(diskObject).toHaveLength(104 + 16_384 * 36 + 32);
  });

  test('frames that lie together are read together: at most one request for 4 MiB', async () => {
    const { store, gets } = makeWatchedStore(makeMemoryStore());
    const repository = await createRepository(store);
    // 40 MiB that do not compress, so three packs of up to 16 MiB, in segments of 8 MiB.
    const disk = Buffer.concat(Array.from({ length: 80 }, (_, nth) => noise(nth)));
    const options = { segmentBytes: 8 * MIB, memoryBytes: 64 * MIB };
    const { restorePoint } = await backUpDisks(repository, { root: disk }, options);
    const reader = await openDiskOf(repository, restorePoint);
    gets.length = 0;
    expect((await bytesOf(reader)).equals(disk)).toBe(true);
    const reads = gets.filter(({ key }) => key.startsWith('packs/'));
    expect(reads.length).toBeLessThanOrEqual(10);
    expect(reads.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(80 * BLOCK + 80 * 64);
    expect(gets.filter(({ key }) => key.startsWith('segments/'))).toHaveLength(5);
  });

  test('small frames of many segments are read together, and a block that repeats is read once', async () => {
    const { store, gets } = makeWatchedStore(makeMemoryStore());
    const repository = await createRepository(store);
    const disk = Buffer.concat(Array.from({ length: 64 }, (_, nth) => text(nth % 40)));
    const { restorePoint } = await backUpDisks(repository, { root: disk });
    const reader = await openDiskOf(repository, restorePoint);
    gets.length = 0;
    expect((await bytesOf(reader)).equals(disk)).toBe(true);
    expect(gets.filter(({ key }) => key.startsWith('packs/'))).toHaveLength(1);
  });

  test('a small gap is read over, a large one is not', async () => {
    const { store, gets } = makeWatchedStore(makeMemoryStore());
    const repository = await createRepository(store);
    const disk = drawn('aBc');
    await backUpDisks(repository, { root: disk });
    // Without the noise in between: the two others lie half a MiB apart.
    const { restorePoint, stats } = await backUpDisks(
      repository,
      { root: drawn('a.c') },
      { time: '2026-12-01T00:00:00Z' },
    );
    expect(stats.packsWritten).toBe(0);
    gets.length = 0;
    await bytesOf(await openDiskOf(repository, restorePoint));
    const reads = gets.filter(({ key }) => key.startsWith('packs/'));
    expect(reads).toHaveLength(2);
    expect(reads.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(1000);
  });
});

describe('memory', () => {
  test('what is fetched and not yet taken stays within the budget, however slow the consumer', async () => {
    const backing = makeMemoryStore();
    const disk = Buffer.concat(Array.from({ length: 96 }, (_, nth) => noise(nth)));
    const options = { segmentBytes: 8 * MIB, memoryBytes: 64 * MIB };
    const { restorePoint } = await backUpDisks(await createRepository(backing), { root: disk }, options);
    const { store, state } = makeWatchedStore(backing);
    const reader = await openDiskOf({ store, url: '' }, restorePoint, 'root', 12 * MIB);
    state.got = 0;
    let taken = 0;
    let most = 0;
    for await (const piece of reader.read(0, reader.segmentCount)) {
      // Time for it to run as far ahead as it will.
      if (taken % (8 * MIB) === 0) await pause(20);
      most = Math.max(most, state.got - taken);
      taken += piece.kind === 'data' ? piece.bytes.length : 0;
    }
    expect(taken).toBe(disk.length);
    expect(most).toBeLessThan(12 * MIB);
    // It does run ahead.
    expect(most).toBeGreaterThan(4 * MIB);
  });
});

describe('a read that ends early', () => {
  let backing: MemoryStore;
  let id: Awaited<ReturnType<typeof backUpDisks>>['restorePoint'];
  beforeAll(async () => {
    backing = makeMemoryStore();
    const disk = Buffer.concat(Array.from({ length: 60 }, (_, nth) => noise(nth)));
    ({ restorePoint: id } = await backUpDisks(
      await createRepository(backing),
      { root: disk },
      { segmentBytes: 2 * MIB },
    ));
  });

  const open = async (delayMs: number) => {
    const watched = makeWatchedStore(backing);
    const reader = await openDiskOf({ store: watched.store, url: '' }, id, 'root', 8 * MIB);
    watched.state.delayMs = delayMs;
    return { ...watched, reader };
  };

  test('because its consumer leaves, leaves nothing under way', async () => {
    const { reader, state } = await open(5);
    for await (const piece of reader.read(0, reader.segmentCount)) if (piece.offset > 3 * BLOCK) break;
    expect(state.underWay).toBe(0);
    const { got } = state;
    await pause(30);
    expect(state.got).toBe(got);
  });

  test('because its consumer leaves, does not wait for what is slow', async () => {
    const { reader, state } = await open(0);
    for await (const piece of reader.read(0, reader.segmentCount)) {
      // What is asked for from here on takes a minute, or is aborted.
      state.delayMs = 60_000;
      if (state.underWay > 0) break;
      if (piece.offset > 40 * BLOCK) throw new Error('it never ran ahead');
    }
    expect(state).toMatchObject({ underWay: 0 });
    expect(state.aborted).toBeGreaterThan(0);
  });

  test('because its consumer leaves before the first piece, does not wait for what is slow', async () => {
    const { reader, state } = await open(0);
    const iterator = reader.read(0, reader.segmentCount)[Symbol.asyncIterator]();
    await iterator.return?.();
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    expect(state.underWay).toBe(0);
  });

  test('because of its signal, throws the reason, before or in the middle', async () => {
    const { reader } = await open(5);
    const reason = new Error('not wanted any more');
    await expect(piecesOf(reader.read(0, 1, { signal: AbortSignal.abort(reason) }))).rejects.toBe(reason);
    const stop = new AbortController();
    const reading = async () => {
      for await (const piece of reader.read(0, reader.segmentCount, { signal: stop.signal })) {
        if (piece.offset > 3 * BLOCK) stop.abort(reason);
      }
    };
    await expect(reading()).rejects.toBe(reason);
  });

  test('because of its signal, aborts what is under way', async () => {
    const { reader, state } = await open(60_000);
    const stop = new AbortController();
    const reading = piecesOf(reader.read(0, reader.segmentCount, { signal: stop.signal }));
    setTimeout(() => stop.abort(new Error('enough')), 20);
    await expect(reading).rejects.toThrow('enough');
    expect(state).toMatchObject({ underWay: 0, aborted: expect.any(Number) });
    expect(state.aborted).toBeGreaterThan(0);
  });

  test('because of damage, yields what comes before it', async () => {
    const damaged: Store = {
      ...backing,
      async get(key, options) {
        const bytes = await backing.get(key, options);
        if (key.startsWith('packs/') && (options?.offset ?? 0) > 10 * MIB) bytes.fill(0);
        return bytes;
      },
    };
    const reader = await openDiskOf({ store: damaged, url: '' }, id);
    const seen: number[] = [];
    const reading = async () => {
      for await (const { offset } of reader.read(0, reader.segmentCount)) seen.push(offset);
    };
    const error = await reading().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'CorruptBlock', place: { offset: seen.length * BLOCK } });
    expect(seen.length).toBeGreaterThan(10);
    expect(seen).toEqual(seen.map((_, nth) => nth * BLOCK));
  });

  test('because of a damaged segment, still yields what comes before it, however slow', async () => {
    const segments = [...backing.objects.keys()].filter((key) => key.startsWith('segments/'));
    const order: string[] = [];
    const watched: Store = {
      ...backing,
      async get(key, options) {
        if (segments.includes(key)) order.push(key);
        const bytes = await backing.get(key, options);
        if (key === order[5]) bytes.fill(0);
        // The damage is known long before the blocks that come before it are there.
        if (key.startsWith('packs/')) await pause(20, options?.signal);
        return bytes;
      },
    };
    const reader = await openDiskOf({ store: watched, url: '' }, id);
    const seen: number[] = [];
    const reading = async () => {
      for await (const { offset } of reader.read(0, reader.segmentCount)) seen.push(offset);
    };
    const error = await reading().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'CorruptObject', key: order[5], place: { offset: 5 * 4 * BLOCK } });
    expect(seen).toHaveLength(5 * 4);
  });

  test('because the store fails, says so', async () => {
    const failing: Store = {
      ...backing,
      get: async (key, options) => {
        if (key.startsWith('packs/')) throw new Error('the network is down');
        return backing.get(key, options);
      },
    };
    const reader = await openDiskOf({ store: failing, url: '' }, id);
    await expect(piecesOf(reader.read(0, 1))).rejects.toThrow('the network is down');
  });
});
