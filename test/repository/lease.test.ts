import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createRepository, type Repository } from '../../core/repository/index.ts';
import { takeWriteLease } from '../../core/repository/lease.ts';
import { backUpDisks, drawn, noise, workload } from './machines.ts';
import { type MemoryStore, makeMemoryStore } from './memory-store.ts';

const MINUTE = 60_000;
const START = new Date('2026-11-30T10:00:00Z').getTime();

let now = START;
const clock = () => new Date(now);
let store: MemoryStore;
let repository: Repository;
beforeEach(async () => {
  now = START;
  store = makeMemoryStore(clock);
  repository = await createRepository(store);
});
afterEach(() => vi.useRealTimers());

const leases = () => [...store.objects.keys()].filter((key) => key.startsWith('leases/'));
const { name } = workload();

/** Time passes, and timers go off on the way. */
async function pass(minutes: number) {
  for (let minute = 0; minute < minutes; minute += 1) {
    now += MINUTE;
    await vi.advanceTimersByTimeAsync(MINUTE);
  }
}

const deleteLease = 'leases/delete-01234567-89ab-4def-8123-456789abcdef.json';

describe('a writer', () => {
  test('announces itself before it reads anything, and takes that back', async () => {
    const calls: string[] = [];
    const watched = {
      ...store,
      put: (...parameters: Parameters<MemoryStore['put']>) => {
        calls.push(parameters[0].split('-')[0] ?? '');
        return store.put(...parameters);
      },
      list: (...parameters: Parameters<MemoryStore['list']>) => {
        calls.push(`list ${parameters[0]}`);
        return store.list(...parameters);
      },
    };
    await backUpDisks({ store: watched, url: '' }, { root: drawn('A') });
    expect(calls.slice(0, 3)).toEqual(['leases/write', 'list leases/', 'list restore-points/']);
    expect(leases()).toEqual([]);
  });

  test('waits for no other writer', async () => {
    await takeWriteLease(store, { workload: name, clock });
    await backUpDisks(repository, { root: drawn('A') });
    expect(leases()).toHaveLength(1);
  });

  test('gives up while something deletes, by the clock of the store alone', async () => {
    await store.put(deleteLease, Buffer.from('whatever it says'));
    now += 59 * MINUTE;
    // The writer's own clock is hours wrong.
    const wrong = () => new Date(now - 600 * MINUTE);
    await expect(backUpDisks(repository, { root: drawn('A') }, { clock: wrong })).rejects.toMatchObject({
      name: 'RepositoryBusy',
      retryable: true,
      message: expect.stringContaining(deleteLease),
    });
    expect(leases()).toEqual([deleteLease]);
    now += 2 * MINUTE;
    await backUpDisks(repository, { root: drawn('A') }, { clock: wrong });
  });

  test('renews its lease, and has it as long as that succeeds', async () => {
    vi.useFakeTimers();
    const lease = await takeWriteLease(store, { workload: name, clock });
    const [key = ''] = leases();
    await pass(600);
    expect(() => lease.check()).not.toThrow();
    expect(now - (store.objects.get(key)?.modified.getTime() ?? 0)).toBeLessThan(11 * MINUTE);
    await lease.end();
    await pass(30);
    expect(leases()).toEqual([]);
  });

  test('loses it once renewals have failed for long, and does not take it up again', async () => {
    vi.useFakeTimers();
    let isDown = false;
    const failing = {
      ...store,
      put: async (...parameters: Parameters<MemoryStore['put']>) => {
        if (isDown) throw new Error('the network is down');
        return store.put(...parameters);
      },
    };
    const lease = await takeWriteLease(failing, { workload: name, clock });
    await pass(15);
    isDown = true;
    await pass(25);
    expect(() => lease.check()).not.toThrow();
    await pass(20);
    isDown = false;
    await pass(60);
    expect(() => lease.check()).toThrow(expect.objectContaining({ name: 'LeaseLost' }));
    await lease.end();
  });

  test('that slept through it finds out before it commits', async () => {
    const source = {
      size: 524_288,
      read: async () => {
        now += 8 * 60 * MINUTE;
        return noise('slow');
      },
    };
    await expect(backUpDisks(repository, { root: source }, { clock })).rejects.toMatchObject({
      name: 'LeaseLost',
    });
    expect([...store.objects.keys()].filter((key) => /^(packs|restore-points)/.test(key))).toEqual([]);
  });

  test.each(['packs/', 'segments/', 'disks/'])(
    'that sleeps once its %s are put does not commit',
    async (kind) => {
      const sleepy = {
        ...store,
        put: async (...parameters: Parameters<MemoryStore['put']>) => {
          if (parameters[0].startsWith(kind)) now += 8 * 60 * MINUTE;
          return store.put(...parameters);
        },
      };
      const running = backUpDisks({ store: sleepy, url: '' }, { root: drawn('A') }, { clock });
      await expect(running).rejects.toMatchObject({ name: 'LeaseLost' });
      expect([...store.objects.keys()].filter((key) => key.startsWith('restore-points'))).toEqual([]);
    },
  );

  test('is not failed by a lease that cannot be given back', async () => {
    const stubborn = {
      ...store,
      delete: async () => {
        throw new Error('deleting is not allowed here');
      },
    };
    const { restorePoint } = await backUpDisks({ store: stubborn, url: '' }, { root: drawn('A') });
    expect(restorePoint).toMatch(/^rp-/);
    expect(leases()).toHaveLength(1);
  });

  test('says in its lease who it is, as the format has it', async () => {
    const lease = await takeWriteLease(store, { workload: name, clock });
    const [key = ''] = leases();
    const uuid = /^leases\/write-([0-9a-f-]{36})\.json$/.exec(key)?.[1];
    expect(JSON.parse(Buffer.from(store.objects.get(key)?.bytes ?? []).toString())).toEqual({
      ...{ format: 1, kind: 'write', lease: uuid, workload: 'web01', started: '2026-11-30T10:00:00.000Z' },
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    await lease.end();
  });
});
