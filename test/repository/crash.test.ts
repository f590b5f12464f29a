import { beforeAll, describe, expect, test } from 'vitest';
import {
  type BackupResult,
  createRepository,
  listRestorePoints,
  type Repository,
  verify,
} from '../../core/repository/index.ts';
import { type FaultyStore, Killed, makeFaultyStore } from './faulty-store.ts';
import { BLOCK, backUpDisks, bytesOf, drawn, noise, openDiskOf } from './machines.ts';
import { copyOf, type MemoryStore, makeMemoryStore } from './memory-store.ts';

const DAY_2 = '2026-12-01T00:00:00Z';
const before = { root: drawn('AbCd' + '....' + 'EF'), data: drawn('GhA') };
const after = { root: drawn('AbCx' + '..y.' + 'EF'), data: drawn('GzA' + '....' + 'w') };

const idsIn = async (repository: Repository) => {
  const ids: BackupResult['restorePoint'][] = [];
  for await (const { id } of listRestorePoints(repository)) ids.push(id);
  return ids;
};

async function expectDisks(
  repository: Repository,
  id: BackupResult['restorePoint'],
  disks: Readonly<Record<string, Buffer>>,
): Promise<void> {
  for (const [name, bytes] of Object.entries(disks)) {
    expect(
      (await bytesOf(await openDiskOf(repository, id, name))).equals(bytes),
      `disk ${name} of ${id}`,
    ).toBe(true);
  }
}

const expectClean = async (repository: Repository) => expect((await verify(repository)).findings).toEqual([]);

/** A repository with one restore point, and what the next backup makes of it undisturbed. */
let base: MemoryStore;
let first: BackupResult['restorePoint'];
let expected: { id: BackupResult['restorePoint']; keys: string[] };

beforeAll(async () => {
  base = makeMemoryStore();
  first = (await backUpDisks(await createRepository(base), before)).restorePoint;
  const undisturbed = copyOf(base);
  const { restorePoint: id } = await backUpDisks({ store: undisturbed, url: '' }, after, { time: DAY_2 });
  expected = { id, keys: [...undisturbed.objects.keys()].sort() };
});

/** Runs `attempt` with a fault at every call in turn, until the fault comes too late to strike. */
async function forEveryCall(
  fault: { readonly when: 'before' | 'after'; readonly afterwards: 'dead' | 'well' },
  attempt: (faulty: FaultyStore, store: MemoryStore) => Promise<void>,
): Promise<number> {
  for (let call = 0; ; call += 1) {
    const store = copyOf(base);
    const faulty = makeFaultyStore(store, { ...fault, call });
    await attempt(faulty, store);
    if (!faulty.struck) return call;
  }
}

describe.each(['before', 'after'] as const)(
  'a writer that is killed just %s any call to the store',
  (when) => {
    test('leaves a repository that verifies clean, with all or nothing of the restore point; a second run completes it', async () => {
      const outcomes = { nothing: 0, all: 0 };
      const calls = await forEveryCall({ when, afterwards: 'dead' }, async (faulty, store) => {
        const run = backUpDisks({ store: faulty, url: '' }, after, { time: DAY_2 });
        const failure = await run.then(
          () => undefined,
          (error: unknown) => error,
        );
        // Only where it could no longer give back its lease does a killed writer not notice.
        if (failure !== undefined) expect(failure).toBeInstanceOf(Killed);
        expect(faulty.underWay).toBe(0);

        const repository = { store, url: '' };
        await expectClean(repository);
        const ids = await idsIn(repository);
        expect([[first], [first, expected.id]]).toContainEqual(ids);
        outcomes[ids.length === 1 ? 'nothing' : 'all'] += 1;
        await expectDisks(repository, first, before);
        if (ids.length === 2) await expectDisks(repository, expected.id, after);

        const { restorePoint, stats } = await backUpDisks(repository, after, { time: DAY_2 });
        expect(restorePoint).toBe(expected.id);
        expect(stats.damaged).toEqual([]);
        await expectDisks(repository, restorePoint, after);
        await expectClean(repository);
        // What the killed run left is what the second one needs: but for the lease there is nothing else.
        const keys = [...store.objects.keys()].filter((key) => !key.startsWith('leases/')).sort();
        expect(keys).toEqual(expected.keys);
      });
      // Lease put, listed and deleted; parent found and read; two packs' tables; pack, segments, disks, manifest.
      expect(calls).toBeGreaterThan(18);
      expect(outcomes.nothing).toBeGreaterThan(12);
      expect(outcomes.all).toBeGreaterThan(0);
    });

    test('a failure that passes ends the run with it, and with its lease given back', async () => {
      await forEveryCall({ when, afterwards: 'well' }, async (faulty, store) => {
        const run = backUpDisks({ store: faulty, url: '' }, after, { time: DAY_2 });
        const result = await run.catch((error: unknown) => {
          expect(error).toBeInstanceOf(Killed);
          return undefined;
        });
        expect(faulty.underWay).toBe(0);
        const leases = [...store.objects.keys()].filter((key) => key.startsWith('leases/'));
        const lostLease = faulty.struck && result !== undefined && when === 'before';
        expect(leases).toHaveLength(lostLease ? 1 : 0);
        await expectClean({ store, url: '' });
      });
    });

    test('while it makes a repository', async () => {
      for (let call = 0; ; call += 1) {
        const store = makeMemoryStore();
        const faulty = makeFaultyStore(store, { call, when, afterwards: 'dead' });
        await createRepository(faulty).catch((error: unknown) => expect(error).toBeInstanceOf(Killed));
        await createRepository(store);
        await expectClean({ store, url: '' });
        expect([...store.objects.keys()]).toEqual(['landfall.json']);
        if (!faulty.struck) break;
        expect(call).toBeLessThan(5);
      }
    });
  },
);

test('a writer of many packs and segments, killed at some of its calls', async () => {
  const disk = Buffer.concat(Array.from({ length: 70 }, (_, nth) => noise(`large ${nth}`)));
  // 64 MiB of memory make packs of 16 MiB: three of them.
  const options = { segmentBytes: 8 * BLOCK, memoryBytes: 64 * 1024 ** 2 };
  let struck = true;
  for (let call = 5; struck; call += 4) {
    const store = makeMemoryStore();
    await createRepository(store);
    const faulty = makeFaultyStore(store, { call, when: call % 2 ? 'before' : 'after', afterwards: 'dead' });
    await backUpDisks({ store: faulty, url: '' }, { root: disk }, options).catch(() => undefined);
    struck = faulty.struck;
    const repository = { store, url: '' };
    await expectClean(repository);
    if (struck) continue;
    const packs = [...store.objects.keys()].filter((key) => key.startsWith('packs/'));
    expect(packs).toHaveLength(3);
    const [id] = await idsIn(repository);
    if (id) await expectDisks(repository, id, { root: disk });
    expect(id).toBeDefined();
  }
});

test('objects are put in the order that makes the manifest the commit point', async () => {
  const faulty = makeFaultyStore(copyOf(base));
  const { restorePoint } = await backUpDisks({ store: faulty, url: '' }, after, { time: DAY_2 });
  const kinds = faulty.calls.filter((call) => call.startsWith('put ')).map((call) => call.split(/[ /]/)[1]);
  expect(kinds.filter((kind, nth) => kind !== kinds[nth - 1])).toEqual([
    'leases',
    'packs',
    'segments',
    'disks',
    'restore-points',
  ]);
  expect(faulty.calls.filter((call) => call.includes(restorePoint))).toHaveLength(1);
});

test('nothing that was read ahead is still under way when a backup answers', async () => {
  const store = makeMemoryStore();
  const repository = await createRepository(store);
  await backUpDisks(repository, { root: drawn('AAAA' + 'BBBB' + 'CCCC') });
  const faulty = makeFaultyStore(store);
  // Its parent has more segments than it needs, and the next one is always read ahead.
  await backUpDisks({ store: faulty, url: '' }, { root: drawn('AAAA') }, { time: DAY_2 });
  expect(faulty.underWay).toBe(0);
  expect(faulty.calls.filter((call) => call.startsWith('get segments/'))).toHaveLength(2);
});

test('a segment is put only once all of its packs are there, whatever else is under way', async () => {
  const store = makeMemoryStore();
  await createRepository(store);
  const disk = Buffer.concat(Array.from({ length: 70 }, (_, nth) => noise(`large ${nth}`)));
  const packsSlow = {
    ...store,
    async put(...[key, bytes, options]: Parameters<MemoryStore['put']>) {
      if (key.startsWith('packs/')) await new Promise((resolve) => setTimeout(resolve, 50));
      if (key.startsWith('segments/')) expectPacksThere(store, bytes);
      return store.put(key, bytes, options);
    },
  };
  const options = { segmentBytes: 8 * BLOCK, memoryBytes: 64 * 1024 ** 2 };
  await backUpDisks({ store: packsSlow, url: '' }, { root: disk }, options);
  await expectClean({ store, url: '' });
});

/** By the layout in docs/repository-format.md. */
function expectPacksThere(store: MemoryStore, segment: Uint8Array): void {
  const bytes = Buffer.from(segment);
  for (let nth = 0; nth < bytes.readUInt32LE(12); nth += 1) {
    const digest = bytes.subarray(16 + 40 * nth, 48 + 40 * nth).toString('hex');
    expect([...store.objects.keys()]).toContain(`packs/${digest.slice(0, 2)}/${digest}`);
  }
}

test('answers that are lost: every conditional put succeeds and says that the object exists', async () => {
  const store = copyOf(base);
  const forgetful = {
    ...store,
    async put(...[key, bytes, options]: Parameters<MemoryStore['put']>) {
      const outcome = await store.put(key, bytes, options);
      return options?.ifAbsent ? ('exists' as const) : outcome;
    },
  };
  const { restorePoint, stats } = await backUpDisks({ store: forgetful, url: '' }, after, { time: DAY_2 });
  expect(restorePoint).toBe(expected.id);
  expect(stats.damaged).toEqual([]);
  expect([...store.objects.keys()].sort()).toEqual(expected.keys);
  await expectClean({ store, url: '' });
});
