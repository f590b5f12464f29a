import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { BLOCK, backUpDisks, drawn, noise } from '../repository/machines.ts';
import { type Appliance, content, makeAppliance, orderOf, type Volume } from './appliance.ts';
import { type Ground, makeGround, until } from './ground.ts';

// Four blocks are a segment. `f` to `i` are of a second pack, see below.
const first = Buffer.concat([drawn('aB..' + 'Cd..')]);
const root = Buffer.concat([drawn('aB..' + 'Cd..' + '....' + 'Fg..' + 'h..I'), noise('end', 1000)]);
const data = drawn('....' + '....' + '..E.');

let ground: Ground;
let restorePoint: string;
const firstPacks = new Set<string>();
let appliance: Appliance;
let volumes: { root: Volume; data: Volume };

beforeAll(async () => {
  ground = await makeGround();
  // The second restore point finds the first segments in the pack of the first one.
  await backUpDisks(ground.repository, { root: first }, { time: '2026-11-29T10:15:00Z' });
  for await (const { key } of ground.repository.store.list('packs/')) firstPacks.add(`main/${key}`);
  ({ restorePoint } = await backUpDisks(ground.repository, { root, data }));
});
afterAll(() => ground.stop());

beforeEach(async () => {
  appliance = await makeAppliance(ground);
  volumes = {
    root: await appliance.attach('vol-0aa1', 24 * BLOCK),
    data: await appliance.attach('vol-0bb2', 12 * BLOCK),
  };
});
afterEach(async () => {
  ground.region.faults.clear();
  await appliance.kill();
});

const order = (readBack: 'sample' | 'all' = 'sample') =>
  appliance.order({
    ...{ restorePoint, readBack },
    disks: [orderOf('root', volumes.root, root.length), orderOf('data', volumes.data, data.length)],
  });

async function expectWritten(): Promise<void> {
  const written = await content(volumes.root);
  expect(written.subarray(0, root.length).equals(root)).toBe(true);
  expect(written.subarray(root.length).equals(Buffer.alloc(24 * BLOCK - root.length))).toBe(true);
  expect((await content(volumes.data)).equals(data)).toBe(true);
}

const bits = (byte: number): string => Buffer.of(byte).toString('base64');

/** What docs/repository-format.md calls the disk digest, computed anew. */
function digestOf(disk: Buffer): string {
  const hash = createHash('sha256');
  for (let at = 0; at < disk.length; at += BLOCK) {
    const block = Buffer.alloc(BLOCK);
    disk.copy(block, 0, at);
    hash.update(createHash('sha256').update(block).digest());
  }
  return hash.digest('hex');
}

describe('a helper', () => {
  test('writes two disks onto their volumes, byte for byte, and stays until its orders are gone', async () => {
    const { ended } = appliance.start();
    const ready = await appliance.reported('ready');
    expect(ready.disks).toEqual([]);
    await order();
    const done = await appliance.reported('done');

    await expectWritten();
    expect(done.disks).toMatchObject([
      {
        ...{ id: 'root', state: 'done', doneBytes: root.length, resumedBytes: 0 },
        ...{ writtenBytes: 8 * BLOCK + 1000, diskDigest: digestOf(root) },
      },
      { id: 'data', state: 'done', doneBytes: data.length, writtenBytes: BLOCK, diskDigest: digestOf(data) },
    ]);
    expect(done.disks[0]?.readBackBytes).toBeGreaterThan(8 * BLOCK);
    expect(done.memoryBytes).toBeGreaterThan(30_000_000);
    // Six segments: all bits of the lowest six.
    expect((await appliance.diskState('root'))?.finished).toBe(bits(0b111111));

    // It goes on telling that it is there.
    await until(
      async () => ((await appliance.report())?.sequence ?? 0) > done.sequence,
      () => 'there is no further heartbeat',
    );
    await appliance.takeOrdersAway();
    expect(await ended).toBe(0);
  });

  test('killed in the middle, goes on where it was, and reads nothing again that is finished', async () => {
    const { faults, calls } = ground.region;
    const held = faults.add({
      ...{ service: 's3', operation: 'GetObject', times: 100, action: { kind: 'hold' } },
      when: ({ Key }) => String(Key).includes('/packs/') && !firstPacks.has(String(Key)),
    });
    appliance.start();
    await order();
    await until(
      // The first three segments, of which the third is zeros.
      async () => held.holding > 0 && (await appliance.diskState('root'))?.finished === bits(0b000111),
      () => 'the first segments are not finished',
    );
    await appliance.kill();
    const noted = await appliance.diskState('root');
    held.remove();
    calls.clear();

    appliance.start();
    const done = await appliance.reported('done');
    await expectWritten();
    expect(noted?.writtenBytes).toBe(4 * BLOCK);
    expect(done.disks[0]).toMatchObject({
      ...{ writtenBytes: 8 * BLOCK + 1000, diskDigest: digestOf(root) },
      ...{ resumedBytes: 12 * BLOCK, doneBytes: root.length },
    });
    expect(ground.packsRead().length).toBeGreaterThan(0);
    expect(ground.packsRead().filter((key) => firstPacks.has(key))).toEqual([]);
  });
});
