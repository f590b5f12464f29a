import { beforeEach, describe, expect, test } from 'vitest';
import { parseRestorePointId, parseWorkloadName, type RestorePointId } from '../../core/model/ids.ts';
import {
  createRepository,
  findRestorePoint,
  listRestorePoints,
  openRepository,
  type Repository,
  readManifest,
} from '../../core/repository/index.ts';
import { sealJson } from '../../core/repository/sealed-json.ts';
import { backUpDisks, drawn } from './machines.ts';
import { type MemoryStore, makeMemoryStore } from './memory-store.ts';

const web = parseWorkloadName('web01');
const db = parseWorkloadName('db01');
const DIGEST = 'ab'.repeat(32);
const idAt = (time: string, digit = '0') => parseRestorePointId(`rp-${time}-${digit.repeat(64)}`);

let store: MemoryStore;
let repository: Repository;
beforeEach(async () => {
  store = makeMemoryStore();
  repository = await createRepository(store);
});

const place = (id: RestorePointId, name: string) =>
  store.put(`restore-points/${id}/${name}.json`, Buffer.from('?'));

async function listed(options = {}) {
  const entries = [];
  for await (const entry of listRestorePoints(repository, options)) entries.push(entry);
  return entries;
}

describe('restore points are listed', () => {
  test('from key names alone, by time, of all workloads or one', async () => {
    // The objects themselves are no manifests: nothing reads them.
    await place(idAt('20261130T101500Z'), 'web01');
    await place(idAt('20260101T000000Z'), 'db01');
    await place(idAt('20261130T101501Z'), 'db01');
    await store.put('restore-points/notes.txt', Buffer.from('x'));
    await store.put(`restore-points/rp-20261399T000000Z-${DIGEST}/web01.json`, Buffer.from('x'));
    expect(await listed()).toEqual([
      { id: idAt('20260101T000000Z'), workload: 'db01', time: new Date('2026-01-01T00:00:00Z') },
      { id: idAt('20261130T101500Z'), workload: 'web01', time: new Date('2026-11-30T10:15:00Z') },
      { id: idAt('20261130T101501Z'), workload: 'db01', time: new Date('2026-11-30T10:15:01Z') },
    ]);
    expect((await listed({ workload: web })).map(({ id }) => id)).toEqual([idAt('20261130T101500Z')]);
    const from = new Date('2026-11-30T10:15:00Z');
    expect((await listed({ from })).map(({ id }) => id)).toEqual([
      idAt('20261130T101500Z'),
      idAt('20261130T101501Z'),
    ]);
  });

  test('from a repository without any', async () => expect(await listed()).toEqual([]));
});

describe('a restore point is found', () => {
  const days = ['20200615T000000Z', '20261001T120000Z', '20261128T120000Z', '20261130T120000Z'];
  beforeEach(async () => {
    for (const day of days) await place(idAt(day), 'web01');
    await place(idAt('20261130T180000Z'), 'db01');
  });

  test('by its id', async () => {
    const id = idAt('20261128T120000Z');
    expect(await findRestorePoint(repository, { id })).toBe(id);
  });

  test('as the latest of a workload', async () => {
    expect(await findRestorePoint(repository, { workload: web, at: 'latest' })).toBe(
      idAt('20261130T120000Z'),
    );
    expect(await findRestorePoint(repository, { workload: db, at: 'latest' })).toBe(idAt('20261130T180000Z'));
  });

  test.each([
    ['2026-11-30T12:00:00Z', '20261130T120000Z'],
    ['2026-11-30T11:59:59Z', '20261128T120000Z'],
    ['2026-11-29T00:00:00Z', '20261128T120000Z'],
    ['2026-11-28T11:00:00Z', '20261001T120000Z'],
    ['2026-09-30T00:00:00Z', '20200615T000000Z'],
    ['2020-06-15T00:00:00Z', '20200615T000000Z'],
    ['2099-01-01T00:00:00Z', '20261130T120000Z'],
  ])('as the latest one not after %s', async (at, expected) => {
    expect(await findRestorePoint(repository, { workload: web, at: new Date(at) })).toBe(idAt(expected));
  });

  test('even if it is of the future', async () => {
    await place(idAt('20990101T000000Z'), 'web01');
    expect(await findRestorePoint(repository, { workload: web, at: 'latest' })).toBe(
      idAt('20990101T000000Z'),
    );
  });

  test('or else it is said what there is', async () => {
    const missing = async (wanted: Parameters<typeof findRestorePoint>[1]) => {
      try {
        return await findRestorePoint(repository, wanted);
      } catch (error) {
        return error;
      }
    };
    expect(await missing({ workload: web, at: new Date('2020-06-14T23:59:59Z') })).toMatchObject({
      name: 'RestorePointNotFound',
      message:
        'workload web01 has no restore point at or before 2020-06-14T23:59:59.000Z in memory://test; its first one is of 2020-06-15T00:00:00.000Z',
    });
    expect(await missing({ workload: parseWorkloadName('mail'), at: 'latest' })).toMatchObject({
      name: 'RestorePointNotFound',
      message: 'workload mail has no restore point in memory://test; it holds those of db01, web01',
    });
    const id = idAt('20261128T120000Z', '1');
    expect(await missing({ id })).toMatchObject({
      name: 'RestorePointNotFound',
      message: expect.stringMatching(
        new RegExp(`^restore point ${id} is not in memory://test; its latest are .*web01.*db01`),
      ),
    });
    await expect(readManifest(repository, id)).rejects.toMatchObject({ name: 'RestorePointNotFound' });
  });

  test('with few listings where backups are frequent', async () => {
    const recent = idAt(new Date().toISOString().replace(/[-:]|\.\d+/g, ''));
    for (const key of store.objects.keys()) if (key.includes('rp-2026')) store.objects.delete(key);
    await place(recent, 'web01');
    let listings = 0;
    let keys = 0;
    const watched = {
      ...store,
      async *list(...parameters: Parameters<MemoryStore['list']>) {
        listings += 1;
        for await (const object of store.list(...parameters)) {
          keys += 1;
          yield object;
        }
      },
    };
    expect(await findRestorePoint({ store: watched, url: '' }, { workload: web, at: 'latest' })).toBe(recent);
    expect({ listings, keys }).toEqual({ listings: 1, keys: 1 });
  });
});

describe('a manifest', () => {
  test('is what was backed up, and is named by its bytes', async () => {
    const { restorePoint, manifest } = await backUpDisks(repository, { root: drawn('A'), data: drawn('..') });
    expect(await readManifest(repository, restorePoint)).toEqual(manifest);
    expect(manifest).toMatchObject({
      format: 1,
      workload: { name: 'web01' },
      time: '2026-11-30T10:15:00Z',
      disks: [
        { id: 'root', boot: true, order: 0, size: 524_288, segmentBytes: 2_097_152, writtenBlocks: 1 },
        { id: 'data', boot: false, order: 1, size: 1_048_576, segmentBytes: 2_097_152, writtenBlocks: 0 },
      ],
    });
    expect(restorePoint).toMatch(/^rp-20261130T101500Z-[0-9a-f]{64}$/);
    // SHA-256 of nothing: no block was written.
    expect(manifest.disks[1]?.writtenDigest).toBe(
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    );
  });

  test('that was moved to another workload is refused', async () => {
    const { restorePoint } = await backUpDisks(repository, { root: drawn('A') });
    const key = `restore-points/${restorePoint}/web01.json`;
    const object = store.objects.get(key);
    if (!object) throw new Error('there is no manifest');
    store.objects.delete(key);
    store.objects.set(key.replace('web01', 'web02'), object);
    await expect(readManifest(repository, restorePoint)).rejects.toMatchObject({
      name: 'CorruptObject',
      message: expect.stringContaining('is of workload web01'),
    });
    // A stray copy beside the manifest does not hide it.
    store.objects.set(key, object);
    store.objects.set(key.replace('web01', 'aaa'), object);
    expect((await readManifest(repository, restorePoint)).workload.name).toBe('web01');
  });
});

describe('a repository', () => {
  test('is made once, and opened by whoever makes it again', async () => {
    const before = store.objects.get('landfall.json');
    expect((await createRepository(store)).url).toBe('memory://test');
    expect(store.objects.get('landfall.json')).toBe(before);
  });

  test('that is not there is named', async () => {
    await expect(openRepository(makeMemoryStore())).rejects.toMatchObject({
      name: 'RepositoryNotFound',
      message: 'there is no repository at memory://test: it has no landfall.json',
    });
  });

  test.each([
    [{ format: 2, features: [], encryption: 'none' }, 'format 2'],
    [{ format: 1, features: ['sub-blocks'], encryption: 'none' }, 'the feature "sub-blocks"'],
    [{ format: 1, features: [], encryption: 'aes-256-gcm' }, 'the encryption "aes-256-gcm"'],
    [{ format: 3, features: ['a', 'b'], other: true }, 'format 3, the feature "a", the feature "b"'],
  ])('of another make is refused with what it needs: %o', async (content, needs) => {
    await store.put('landfall.json', sealJson(content));
    const refused = {
      name: 'UnsupportedRepository',
      message: `repository memory://test needs ${needs}, which this version does not know`,
    };
    await expect(openRepository(store)).rejects.toMatchObject(refused);
    await expect(createRepository(store)).rejects.toMatchObject(refused);
  });

  test('whose format file is damaged or none is refused', async () => {
    for (const content of ['', '{}', '{"format": 1}', 'not even JSON']) {
      await store.put('landfall.json', Buffer.from(content));
      await expect(openRepository(store)).rejects.toMatchObject({
        name: 'CorruptObject',
        key: 'landfall.json',
      });
    }
    await store.put('landfall.json', sealJson({ format: 'one' }));
    await expect(openRepository(store)).rejects.toMatchObject({ name: 'CorruptObject' });
  });
});
