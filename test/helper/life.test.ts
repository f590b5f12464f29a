import { writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { HelperOrders, HelperReport } from '../../core/model/helper.ts';
import { makeSlots } from '../../core/repository/index.ts';
import type { Channel } from '../../helper/channel/channel.ts';
import { makeAlignedBuffers } from '../../helper/devices/aligned-buffers.ts';
import { makeLinkedDevices } from '../../helper/devices/linked-devices.ts';
import { type Limits, limitsFor } from '../../helper/life/limits.ts';
import { type LifeOptions, live } from '../../helper/life/live.ts';
import { BLOCK, backUpDisks, drawn } from '../repository/machines.ts';
import { makeMemoryStore } from '../repository/memory-store.ts';
import { type Appliance, content, makeAppliance, orderOf, type Volume } from './appliance.ts';
import { type Ground, makeGround, until } from './ground.ts';

const root = drawn('AB..' + 'CD..' + 'EF');
const VOLUME_BYTES = 12 * BLOCK;

let ground: Ground;
let restorePoint: string;
let appliance: Appliance;
let volume: Volume;

beforeAll(async () => {
  ground = await makeGround();
  ({ restorePoint } = await backUpDisks(ground.repository, { root }));
});
afterAll(() => ground.stop());

beforeEach(async () => {
  appliance = await makeAppliance(ground);
  volume = await appliance.attach('vol-0aa1', VOLUME_BYTES);
});
afterEach(async () => {
  ground.region.faults.clear();
  await appliance.kill();
});

const order = () =>
  appliance.order({ restorePoint, readBack: 'sample', disks: [orderOf('root', volume, root.length)] });

const internalError = {
  kind: 'error',
  code: 'InternalError',
  statusCode: 500,
  message: 'We encountered an internal error. Please try again.',
} as const;

const isPack = ({ Key }: Record<string, unknown>): boolean => String(Key).includes('/packs/');

/** Holds every read of a pack, and waits for the first. */
async function heldAtPacks() {
  const held = ground.region.faults.add({
    ...{ service: 's3', operation: 'GetObject', times: 1000, action: { kind: 'hold' } },
    when: isPack,
  });
  await until(
    () => held.holding > 0,
    () => 'no pack is read',
  );
  return held;
}

const writesOf = (name: string) =>
  ground.region.calls
    .entries({ service: 's3', operation: 'PutObject' })
    .filter(({ resources }) => resources.includes(appliance.key(name))).length;

describe('the life of a helper ends', () => {
  test('when its orders are taken away in the middle, and it reports no more', async () => {
    const { ended } = appliance.start();
    await order();
    const held = await heldAtPacks();
    await appliance.takeOrdersAway();
    expect(await ended).toBe(0);
    const reports = writesOf('report.json');
    held.release();
    expect((await content(volume)).equals(Buffer.alloc(VOLUME_BYTES))).toBe(true);
    expect((await appliance.report())?.state).toBe('working');
    expect(writesOf('report.json')).toBe(reports);
  });

  test('when its deadline has passed, whatever it is doing', async () => {
    const { ended } = appliance.start('--deadline', new Date(Date.now() + 3000).toISOString());
    await order();
    await heldAtPacks();
    expect(await ended).toBe(0);
  });

  test('at once, when its deadline has passed already', async () => {
    const { ended, output } = appliance.start('--deadline', '2026-01-01T00:00:00Z');
    expect(await ended).toBe(0);
    expect(output()).toContain('its deadline has passed');
  });

  test('when no orders come', async () => {
    const reports: HelperReport[] = [];
    const channel: Channel = {
      lookForOrders: async () => undefined,
      readReport: async () => undefined,
      writeReport: async (report) => void reports.push(report),
      readDiskState: async () => undefined,
      writeDiskState: async () => undefined,
    };
    const limits = { ...limitsFor(10), heartbeatSeconds: 0.01, ordersSeconds: 0.1 };
    const ending = await live(lifeOn(channel, limits));
    expect(ending).toBe('no orders came');
    expect(reports.map(({ state }) => state)).toEqual(reports.map(() => 'ready'));
    expect(reports.map(({ sequence }) => sequence)).toEqual(reports.map((_, nth) => nth + 1));
    expect(reports.length).toBeGreaterThan(1);
  });

  test.each([
    ['failed', { error: { name: 'DeviceFailed', message: 'broken' } }],
    ['done', {}],
  ] as const)('when it is %s, and nobody takes its orders away', async (state, more) => {
    const earlier = {
      version: 1,
      instanceId: 'i-0aa',
      sequence: 7,
      reportedAt: '2026-01-01T00:00:00.000Z',
    } as const;
    const channel: Channel = {
      lookForOrders: async () => ORDERS_OF_NOBODY,
      readReport: async () => ({
        ...{ ...earlier, heartbeatSeconds: 10, state, disks: [], memoryBytes: 1 },
        ...more,
      }),
      writeReport: async () => undefined,
      readDiskState: async () => undefined,
      writeDiskState: async () => undefined,
    };
    const limits = { ...limitsFor(10), heartbeatSeconds: 0.01, farewellSeconds: 0.1 };
    expect(await live(lifeOn(channel, limits))).toBe('its orders were not taken away');
  });

  test('when it is told to end, as interrupted', async () => {
    const { child, ended } = appliance.start();
    await order();
    await heldAtPacks();
    child.kill('SIGTERM');
    expect(await ended).toBe(3);
  });

  test('as crashed, when S3 fails for too long, so that it is started again', async () => {
    const failing = ground.region.faults.add({
      ...{ service: 's3', operation: 'GetObject', times: 100_000, action: internalError },
      when: isPack,
    });
    // 90 heartbeats.
    const { ended, output } = appliance.start('--heartbeat-seconds', '0.02');
    await order();
    expect(await ended).toBe(1);
    expect(output()).toContain('StorageUnreachable');
    expect((await appliance.report())?.state).toBe('working');
    failing.remove();
    appliance.start();
    await appliance.reported('done');
    expect((await content(volume)).subarray(0, root.length).equals(root)).toBe(true);
  });

  test('as crashed, when nothing goes on', async () => {
    // 120 heartbeats. What is held is neither answered nor refused.
    const { ended, output } = appliance.start('--heartbeat-seconds', '0.02');
    await order();
    await heldAtPacks();
    expect(await ended).toBe(1);
    expect(output()).toContain('WorkStalled');
  });
});

describe('the life of a helper goes on', () => {
  test('through an outage', async () => {
    // More than the SDK tries by itself.
    const fault = { service: 's3', times: 12, action: internalError };
    ground.region.faults.add({ ...fault, operation: 'GetObject', when: isPack });
    ground.region.faults.add({
      ...{ ...fault, operation: 'PutObject' },
      when: ({ Key }) => Key !== appliance.key('orders.json'),
    });
    appliance.start();
    await order();
    const { disks } = await appliance.reported('done');
    expect(disks[0]?.writtenBytes).toBe(root.length - 4 * BLOCK);
    expect(ground.region.faults.unhit()).toEqual([]);
  });

  test('after it was done, and was started again: it touches no device any more', async () => {
    appliance.start();
    await order();
    const done = await appliance.reported('done');
    await appliance.kill();
    await appliance.detach(volume);
    const { ended } = appliance.start();
    await until(
      async () => (await appliance.report())?.reportedAt !== done.reportedAt,
      () => 'it does not report',
    );
    expect(await appliance.report()).toMatchObject({ state: 'done', disks: done.disks });
    await appliance.takeOrdersAway();
    expect(await ended).toBe(0);
  });

  test('with another helper, which goes on from the disk states of the first', async () => {
    appliance.start();
    await order();
    await appliance.reported('done');
    const state = await appliance.diskState('root');
    await appliance.kill();
    const next = await makeAppliance(ground);
    try {
      await next.put('disks/root.json', {
        ...state,
        finished: Buffer.of(0b010).toString('base64'),
        writtenBytes: 2 * BLOCK,
      });
      // The same volume, so the same bytes: on it are those of the second segment only.
      const moved = await next.attach(volume.id, VOLUME_BYTES);
      await writeFile(moved.file, drawn('....' + 'CD..' + '....'));
      next.start();
      await next.order({ restorePoint, readBack: 'all', disks: [orderOf('root', moved, root.length)] });
      const { disks } = await next.reported('done');
      expect(disks[0]).toMatchObject({
        resumedBytes: 4 * BLOCK,
        writtenBytes: 6 * BLOCK,
        readBackBytes: root.length,
      });
      expect((await content(moved)).subarray(0, root.length).equals(root)).toBe(true);
    } finally {
      await next.kill();
    }
  });

  test('until orders that were changed: those it refuses', async () => {
    appliance.start();
    await order();
    const held = await heldAtPacks();
    await appliance.order({ restorePoint, readBack: 'all', disks: [orderOf('root', volume, root.length)] });
    const { error } = await appliance.reported('failed');
    expect(error).toMatchObject({ name: 'OrdersChanged' });
    held.release();
  });

  test('where S3 denies to read what is not there, as it does to who may not list the bucket', async () => {
    const denied = {
      kind: 'error',
      code: 'AccessDenied',
      message: 'Access Denied',
      statusCode: 403,
    } as const;
    for (const name of ['report.json', 'orders.json', 'disks/root.json']) {
      ground.region.faults.add({
        ...{ service: 's3', operation: 'GetObject', action: denied },
        when: ({ Key }) => Key === appliance.key(name),
      });
    }
    appliance.start();
    await until(
      () => writesOf('report.json') > 0,
      () => 'it does not report',
    );
    await order();
    const lookedFor = () => ground.region.faults.unhit();
    await until(
      () => lookedFor().length === 0,
      () => `${lookedFor().length} rules were not hit`,
    );
    await appliance.reported('done');
  });
});

/** A life without an appliance: nothing but its channel. */
function lifeOn(channel: Channel, limits: Limits): LifeOptions {
  return {
    instanceId: 'i-0aa',
    tools: {
      channel,
      devices: makeLinkedDevices('nowhere'),
      buffers: makeAlignedBuffers(1),
      flushing: makeSlots(1),
      limits,
      log: () => undefined,
    },
    openStore: () => makeMemoryStore(),
    deadline: undefined,
    signal: new AbortController().signal,
  };
}

const ORDERS_OF_NOBODY: HelperOrders = {
  version: 1,
  restoreId: 'nobody',
  attempt: 1,
  repository: 's3://repository',
  restorePoint: 'none',
  readBack: 'sample',
  disks: [],
};
