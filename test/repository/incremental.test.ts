import { beforeEach, describe, expect, test } from 'vitest';
import { createRepository, type Repository, verify } from '../../core/repository/index.ts';
import { BLOCK, backUpDisks, bytesOf, drawn, openDiskOf } from './machines.ts';
import { type MemoryStore, makeMemoryStore } from './memory-store.ts';

const DAY_2 = '2026-12-01T00:00:00Z';
const DAY_3 = '2026-12-02T00:00:00Z';

let store: MemoryStore;
let repository: Repository;
beforeEach(async () => {
  store = makeMemoryStore();
  repository = await createRepository(store);
});

/** Keys that a run adds, by kind. */
async function added(run: () => Promise<unknown>): Promise<Record<string, number>> {
  const before = new Map([...store.objects].map(([key, { bytes }]) => [key, bytes]));
  await run();
  const counts: Record<string, number> = {};
  for (const [key, { bytes }] of store.objects) {
    const known = before.get(key);
    if (known && Buffer.from(known).equals(bytes)) continue;
    const kind = key.split('/')[0] ?? '';
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

const keysOf = (kind: string) => [...store.objects.keys()].filter((key) => key.startsWith(`${kind}/`));

function only(kind: string): string {
  const [key, ...others] = keysOf(kind);
  if (!key || others.length > 0) throw new Error(`there is not exactly one of ${kind}: ${key} ${others}`);
  return key;
}

describe('a disk that is backed up again', () => {
  const before = drawn('ABCD' + '....' + 'EFGH' + 'IJ');

  test('costs a disk object and a manifest where nothing changed', async () => {
    await backUpDisks(repository, { root: before });
    let stats = {};
    const objects = await added(async () => {
      ({ stats } = await backUpDisks(repository, { root: before }, { time: DAY_2 }));
    });
    // The disk object is the very same one: it is not even written again.
    expect(objects).toEqual({ 'restore-points': 1 });
    expect(stats).toEqual({
      sizeBytes: 14 * BLOCK,
      dataBytes: 10 * BLOCK,
      storedBytes: 0,
      reusedBytes: 10 * BLOCK,
      packsWritten: 0,
      segmentsWritten: 0,
      damaged: [],
    });
  });

  test('stores the changed block and the segment it is in, nothing else', async () => {
    await backUpDisks(repository, { root: before });
    const bytes = [...store.objects.values()].reduce((sum, object) => sum + object.bytes.length, 0);
    const after = drawn('ABCD' + '....' + 'ExGH' + 'IJ');
    const objects = await added(async () => {
      const { stats, restorePoint } = await backUpDisks(repository, { root: after }, { time: DAY_2 });
      expect(stats).toMatchObject({ reusedBytes: 9 * BLOCK, packsWritten: 1, segmentsWritten: 1 });
      expect((await bytesOf(await openDiskOf(repository, restorePoint))).equals(after)).toBe(true);
    });
    expect(objects).toEqual({ packs: 1, segments: 1, disks: 1, 'restore-points': 1 });
    const grown = [...store.objects.values()].reduce((sum, object) => sum + object.bytes.length, 0) - bytes;
    // The changed block compresses to almost nothing, so what remains is what a restore point costs.
    expect(grown).toBeLessThan(4096);
  });

  test('needs no more once data has become zeros', async () => {
    await backUpDisks(repository, { root: before });
    const objects = await added(() =>
      backUpDisks(repository, { root: drawn('ABCD..........') }, { time: DAY_2 }),
    );
    expect(objects).toEqual({ disks: 1, 'restore-points': 1 });
  });

  test('finds blocks that moved while it is still in the run', async () => {
    await backUpDisks(repository, { root: before });
    const { stats } = await backUpDisks(
      repository,
      { root: drawn('ABCD' + 'ABCD' + 'EFGH' + 'IJ') },
      { time: DAY_2 },
    );
    expect(stats).toMatchObject({
      storedBytes: 0,
      reusedBytes: 14 * BLOCK,
      packsWritten: 0,
      segmentsWritten: 0,
    });
  });

  test('grows and shrinks', async () => {
    await backUpDisks(repository, { root: before });
    const grown = drawn('ABCD' + '....' + 'EFGH' + 'IJKL' + 'M');
    const second = await backUpDisks(repository, { root: grown }, { time: DAY_2 });
    expect(second.stats).toMatchObject({ reusedBytes: 10 * BLOCK, packsWritten: 1, segmentsWritten: 2 });
    const shrunk = drawn('ABCD' + '..');
    const third = await backUpDisks(repository, { root: shrunk }, { time: DAY_3 });
    expect(third.stats).toMatchObject({ storedBytes: 0, segmentsWritten: 0 });
    for (const [{ restorePoint }, disk] of [
      [second, grown],
      [third, shrunk],
    ] as const) {
      expect((await bytesOf(await openDiskOf(repository, restorePoint))).equals(disk)).toBe(true);
    }
  });

  test('repeats within a run are stored once, across its disks too', async () => {
    const { stats } = await backUpDisks(repository, { root: drawn('AAAA' + 'A.BA'), data: drawn('BA') });
    expect(stats).toMatchObject({ dataBytes: 9 * BLOCK, reusedBytes: 7 * BLOCK, packsWritten: 1 });
    // Two blocks of noise, which nothing makes smaller.
    expect(stats.storedBytes).toBeLessThan(2 * BLOCK + 200);
  });

  test('keeps to the parent that is named, of another workload too, or to none', async () => {
    const { restorePoint: parent } = await backUpDisks(repository, { root: before });
    const other = await backUpDisks(repository, { root: before }, { name: 'db01', parent, time: DAY_2 });
    expect(other.stats.storedBytes).toBe(0);
    expect(other.manifest.parent).toBe(parent);
    const alone = await backUpDisks(repository, { root: before }, { parent: 'none', time: DAY_3 });
    expect(alone.manifest.parent).toBeUndefined();
    // Everything was read and compressed again, and is found to be there.
    expect(alone.stats).toMatchObject({ reusedBytes: 0, packsWritten: 0, segmentsWritten: 0 });
    const absent = `rp-20200101T000000Z-${'0'.repeat(64)}` as typeof parent;
    await expect(backUpDisks(repository, { root: before }, { parent: absent })).rejects.toMatchObject({
      name: 'RestorePointNotFound',
    });
    expect(keysOf('leases')).toEqual([]);
  });

  test('run twice makes one restore point, and the second run adds nothing', async () => {
    await backUpDisks(repository, { root: before });
    const after = drawn('ABCD' + '..x.' + 'EFGH' + 'IJ');
    const first = await backUpDisks(repository, { root: after }, { time: DAY_2 });
    let second: typeof first | undefined;
    const objects = await added(async () => {
      second = await backUpDisks(repository, { root: after }, { time: DAY_2 });
    });
    expect(objects).toEqual({});
    expect(second?.restorePoint).toBe(first.restorePoint);
  });

  test('run by two at the same time makes restore points that are both whole', async () => {
    const runs = await Promise.all([
      backUpDisks(repository, { root: before }),
      backUpDisks(repository, { root: before }),
      backUpDisks(repository, { root: drawn('ABCD' + '..x.' + 'EFGH' + 'IJ') }),
      backUpDisks(repository, { root: before }, { name: 'db01' }),
    ]);
    expect(runs[0]?.restorePoint).toBe(runs[1]?.restorePoint);
    expect((await verify(repository)).findings).toEqual([]);
  });
});

describe('a parent that is damaged is not relied on, and is repaired on the way', () => {
  const disk = drawn('ABCD' + 'EF');

  const backUpAgain = async () => {
    const run = await backUpDisks(repository, { root: disk }, { time: DAY_2 });
    expect((await bytesOf(await openDiskOf(repository, run.restorePoint))).equals(disk)).toBe(true);
    return run;
  };

  test('a pack that is gone', async () => {
    const { restorePoint } = await backUpDisks(repository, { root: disk });
    const pack = only('packs');
    store.objects.delete(pack);
    const { stats } = await backUpAgain();
    expect(stats).toMatchObject({ reusedBytes: 0, damaged: [pack] });
    expect((await verify(repository)).findings).toEqual([]);
    expect((await bytesOf(await openDiskOf(repository, restorePoint))).equals(disk)).toBe(true);
  });

  test('a pack that is gone, where what is stored anew makes another pack', async () => {
    const { restorePoint } = await backUpDisks(repository, { root: disk });
    const pack = only('packs');
    store.objects.delete(pack);
    const more = drawn('ABCD' + 'EF' + 'GH');
    const { stats } = await backUpDisks(repository, { root: more }, { time: DAY_2 });
    expect(stats.damaged).toEqual([pack]);
    // The first segment is shared: it was replaced by one that refers to the new pack. The second one is not, and is lost.
    const { findings } = await verify(repository);
    expect(findings).toMatchObject([{ object: pack, restorePoint, offset: 4 * BLOCK, blocks: 2 }]);
  });

  test('a pack that is gone, which only part of a segment was in', async () => {
    await backUpDisks(repository, { root: drawn('ABCD') });
    const [old = ''] = keysOf('packs');
    const second = await backUpDisks(repository, { root: drawn('AxCD') }, { time: DAY_2 });
    const lost = keysOf('packs').find((key) => key !== old) ?? '';
    store.objects.delete(lost);
    // Together with "y", "x" makes another pack than the one that is lost: the segment must now refer to that one.
    const third = await backUpDisks(repository, { root: drawn('AxCD' + 'y') }, { time: DAY_3 });
    expect(third.stats).toMatchObject({ packsWritten: 1, segmentsWritten: 2 });
    expect(third.stats.damaged).toContain(lost);
    expect(keysOf('packs')).not.toContain(lost);
    expect((await verify(repository)).findings).toEqual([]);
    const again = await bytesOf(await openDiskOf(repository, second.restorePoint));
    expect(again.equals(drawn('AxCD'))).toBe(true);
  });

  test('a pack that was cut off, and one that another was put in place of', async () => {
    await backUpDisks(repository, { root: disk });
    const pack = only('packs');
    const { bytes, modified } = store.objects.get(pack) ?? { bytes: Buffer.alloc(0), modified: new Date() };
    store.objects.set(pack, { bytes: bytes.subarray(0, -1), modified });
    expect((await backUpAgain()).stats.damaged).toEqual([pack]);
    await backUpDisks(repository, { root: drawn('XY') }, { name: 'other' });
    const another = keysOf('packs').find((key) => key !== pack) ?? '';
    store.objects.set(pack, { bytes: store.objects.get(another)?.bytes ?? bytes, modified });
    const again = await backUpDisks(repository, { root: disk }, { time: DAY_3 });
    expect(again.stats.damaged).toEqual([pack]);
    expect((await verify(repository)).findings).toEqual([]);
  });

  test('a segment that is gone or damaged', async () => {
    await backUpDisks(repository, { root: disk });
    const [gone = '', damaged = ''] = keysOf('segments');
    store.objects.delete(gone);
    const object = store.objects.get(damaged);
    if (object) object.bytes[40] = (object.bytes[40] ?? 0) ^ 1;
    expect((await backUpAgain()).stats.damaged).toEqual([gone, damaged].sort());
    expect((await verify(repository)).findings).toEqual([]);
  });

  test('a disk object that is damaged', async () => {
    await backUpDisks(repository, { root: disk });
    const key = only('disks');
    const object = store.objects.get(key);
    if (object) object.bytes[120] = (object.bytes[120] ?? 0) ^ 1;
    expect((await backUpAgain()).stats.damaged).toContain(key);
    expect((await verify(repository)).findings).toEqual([]);
  });

  test('a manifest that is damaged', async () => {
    await backUpDisks(repository, { root: disk });
    const key = only('restore-points');
    const object = store.objects.get(key);
    if (object) object.bytes[20] = (object.bytes[20] ?? 0) ^ 1;
    const { stats, manifest } = await backUpAgain();
    expect(stats.damaged).toEqual([key]);
    expect(manifest.parent).toBeUndefined();
  });
});
