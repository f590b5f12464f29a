import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { DiskState, HelperReport } from '../../core/model/helper.ts';
import { BLOCK, backUpDisks, drawn } from '../repository/machines.ts';
import { type Appliance, content, flip, makeAppliance, orderOf, type Volume } from './appliance.ts';
import { type Ground, makeGround, until } from './ground.ts';

const MIB = 1024 ** 2;
const root = drawn('aB..' + 'Cd..' + '....' + 'e');
const VOLUME_BYTES = 16 * BLOCK;

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

const order = (readBack: 'sample' | 'all' = 'sample', ordered = volume) =>
  appliance.order({ restorePoint, readBack, disks: [orderOf('root', ordered, root.length)] });

async function failure(): Promise<NonNullable<HelperReport['error']>> {
  const { state, error } = await appliance.reported('failed', 'done');
  if (state !== 'failed' || !error) throw new Error('it did not fail');
  return error;
}

const isUntouched = async (): Promise<boolean> => (await content(volume)).equals(Buffer.alloc(VOLUME_BYTES));

describe('a helper refuses, and leaves alone,', () => {
  test('a device of another size than was ordered', async () => {
    appliance.start();
    await order('sample', { ...volume, bytes: VOLUME_BYTES + BLOCK });
    expect(await failure()).toMatchObject({
      name: 'DeviceSizeDiffers',
      diskId: 'root',
      message: expect.stringContaining(`has ${VOLUME_BYTES} bytes, ordered were ${VOLUME_BYTES + BLOCK}`),
    });
    expect(await isUntouched()).toBe(true);
    expect(await appliance.diskState('root')).toBeUndefined();
  });

  test.each([
    ['in its first MiB', 446],
    ['at its end', VOLUME_BYTES - 1],
    ['where its last MiB begins', VOLUME_BYTES - MIB],
  ])('a volume that holds a byte %s', async (_where, offset) => {
    await flip(volume, offset);
    const before = await content(volume);
    appliance.start();
    await order();
    expect(await failure()).toMatchObject({ name: 'VolumeNotBlank', diskId: 'root' });
    expect((await content(volume)).equals(before)).toBe(true);
    expect(await appliance.diskState('root')).toBeUndefined();
  });

  test('a volume that is not attached to it, and names what is', async () => {
    // Waits for thirty heartbeats.
    appliance.start('--heartbeat-seconds', '0.03');
    await order('sample', { ...volume, id: 'vol-0ff9' });
    expect(await failure()).toMatchObject({
      name: 'DeviceNotFound',
      message: expect.stringMatching(/vol0ff9 .*there are: vol0aa1$/),
    });
    expect(await isUntouched()).toBe(true);
  });

  test('one disk because of the other: all are looked at before anything is written', async () => {
    const bad = await appliance.attach('vol-0bb2', VOLUME_BYTES);
    await flip(bad, 0);
    const data = drawn('zz');
    const both = await backUpDisks(ground.repository, { root, data }, { name: 'two' });
    appliance.start();
    await appliance.order({
      ...{ restorePoint: both.restorePoint, readBack: 'sample' },
      disks: [orderOf('root', volume, root.length), orderOf('data', bad, data.length)],
    });
    expect(await failure()).toMatchObject({ name: 'VolumeNotBlank', diskId: 'data' });
    expect(await isUntouched()).toBe(true);
  });

  test.each([
    ['another volume', { volumeId: 'vol-0ff9' }],
    ['another restore point', { restorePoint: 'rp-20260101T000000Z-' }],
    ['another number of segments', { segmentCount: 5 }],
    ['more segments than there are', { finished: Buffer.of(0b10001).toString('base64') }],
  ])('a disk whose state is of %s', async (_what, wrong) => {
    const state: DiskState = {
      ...{ version: 1, restorePoint, diskId: 'root', volumeId: volume.id, segmentCount: 4 },
      ...{ finished: Buffer.of(0b0001).toString('base64'), writtenBytes: BLOCK },
    };
    await appliance.put('disks/root.json', { ...state, ...wrong });
    appliance.start();
    await order();
    expect(await failure()).toMatchObject({ name: 'DiskStateInvalid', diskId: 'root' });
    expect(await isUntouched()).toBe(true);
  });

  test('orders that are none', async () => {
    await appliance.put('orders.json', '{"version": 1');
    const { ended } = appliance.start();
    expect(await failure()).toMatchObject({ name: 'OrdersInvalid' });
    await appliance.takeOrdersAway();
    expect(await ended).toBe(0);
  });

  test('orders that write two disks onto one volume', async () => {
    appliance.start();
    const [one, other] = [orderOf('root', volume, root.length), orderOf('data', volume, root.length)];
    await appliance.order({ restorePoint, readBack: 'sample', disks: [one, other] });
    expect(await failure()).toMatchObject({
      name: 'OrdersInvalid',
      message: expect.stringContaining('volumeId vol-0aa1 twice'),
    });
    expect(await isUntouched()).toBe(true);
  });

  test('a disk of another size than was ordered', async () => {
    appliance.start();
    await appliance.order({
      restorePoint,
      readBack: 'sample',
      disks: [orderOf('root', volume, root.length - 1)],
    });
    expect(await failure()).toMatchObject({ name: 'OrdersInvalid', diskId: 'root' });
    expect(await isUntouched()).toBe(true);
  });
});

describe('what is wrong is found, named, and not tried again', () => {
  test('a damaged block in the repository: nothing wrong is written', async () => {
    const damaged = drawn('pQ..' + 'R');
    const { restorePoint: point } = await backUpDisks(
      ground.repository,
      { root: damaged },
      { name: 'damaged' },
    );
    await damagePackOf('R');
    appliance.start();
    await appliance.order({
      ...{ restorePoint: point, readBack: 'sample' },
      disks: [orderOf('root', volume, damaged.length)],
    });
    expect(await failure()).toMatchObject({
      name: 'CorruptBlock',
      diskId: 'root',
      message: expect.stringContaining(`disk root, offset ${4 * BLOCK}`),
    });
    const written = await content(volume);
    for (let at = 0; at < VOLUME_BYTES; at += BLOCK) {
      const block = written.subarray(at, at + BLOCK);
      const right = Buffer.alloc(BLOCK);
      Buffer.from(damaged.subarray(at, at + BLOCK)).copy(right);
      expect(block.equals(right) || block.equals(Buffer.alloc(BLOCK))).toBe(true);
    }
    expect(written.subarray(4 * BLOCK, 5 * BLOCK).equals(Buffer.alloc(BLOCK))).toBe(true);
    // It stays, and stays with it.
    const { sequence } = await appliance.reported('failed');
    await until(
      async () => ((await appliance.report())?.sequence ?? 0) > sequence + 2,
      () => 'there is no further heartbeat',
    );
    expect((await appliance.report())?.state).toBe('failed');
  });

  test.each(['sample', 'all'] as const)(
    'a byte of data that changed behind its back (%s)',
    async (readBack) => {
      // The last data block of the second segment: a sample has the first and the last one of each.
      await writeAndFlip(readBack, 5 * BLOCK + 77);
      expect(await failure()).toMatchObject({
        name: 'ReadBackDiffers',
        diskId: 'root',
        message: expect.stringContaining(`at offset ${5 * BLOCK}`),
      });
    },
  );

  test('a byte among zeros that changed behind its back, where all is read back', async () => {
    await writeAndFlip('all', 10 * BLOCK + 3);
    expect(await failure()).toMatchObject({
      name: 'ReadBackDiffers',
      message: expect.stringContaining(`other bytes than zeros in the block at offset ${10 * BLOCK}`),
    });
  });

  /** Lets the disk be written and flushed, and changes a byte on the volume before it is read back. */
  async function writeAndFlip(readBack: 'sample' | 'all', offset: number): Promise<void> {
    const isState = ({ Key }: Record<string, unknown>) => Key === appliance.key('disks/root.json');
    const note = ground.region.faults.add({
      ...{ service: 's3', operation: 'PutObject', times: 100, action: { kind: 'hold' } },
      // The first one says that the disk is begun; what is held comes after the flush.
      ...{ skip: 1, when: isState },
    });
    const written = () => appliance.report().then((report) => report?.disks[0]?.doneBytes === root.length);
    appliance.start();
    await order(readBack);
    await until(
      async () => note.holding > 0 && (await written()),
      () => 'nothing is noted',
    );
    await flip(volume, offset);
    note.release();
  }
});

/** Changes one bit of a block of noise, in whatever pack it lies: zstd keeps it as it is. */
async function damagePackOf(drawing: string): Promise<void> {
  const { store } = ground.repository;
  const sought = drawn(drawing).subarray(1000, 1064);
  for await (const { key } of store.list('packs/')) {
    const pack = Buffer.from(await store.get(key));
    const at = pack.indexOf(sought);
    if (at < 0) continue;
    pack.writeUInt8(pack.readUInt8(at) ^ 1, at);
    await store.put(key, pack);
    return;
  }
  throw new Error(`no pack has the block ${drawing}`);
}
