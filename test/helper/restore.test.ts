import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BLOCK, backUpDisks, drawn, noise } from '../repository/machines.ts';
import { type Ground, makeGround, orderOf } from './ground.ts';

let ground: Ground;
beforeEach(async () => {
  ground = await makeGround();
});
afterEach(() => ground.stop());

describe('a helper', () => {
  test('writes two disks onto their volumes, byte for byte, and stays until its orders are gone', async () => {
    const root = Buffer.concat([drawn('aB..' + '....' + 'C..d' + '...'), noise('end', 1000)]);
    const data = drawn('....' + '....' + '..E.');
    const { restorePoint } = await backUpDisks(ground.repository, { root, data });
    const volumes = {
      root: await ground.attach('vol-0aa1', 20 * BLOCK),
      data: await ground.attach('vol-0bb2', 12 * BLOCK),
    };

    const helper = ground.start();
    const ready = await ground.reported(({ state }) => state === 'ready');
    expect(ready.disks).toEqual([]);
    await ground.order({
      restorePoint,
      readBack: 'sample',
      disks: [orderOf('root', volumes.root, root.length), orderOf('data', volumes.data, data.length)],
    });
    const done = await ground.reported(({ state }) => state === 'done');

    const written = await ground.content(volumes.root);
    expect(written.subarray(0, root.length).equals(root)).toBe(true);
    expect(written.subarray(root.length).equals(Buffer.alloc(20 * BLOCK - root.length))).toBe(true);
    expect((await ground.content(volumes.data)).equals(data)).toBe(true);
    expect(done.disks).toMatchObject([
      { id: 'root', state: 'done', doneBytes: root.length, writtenBytes: 4 * BLOCK + 1000, resumedBytes: 0 },
      { id: 'data', state: 'done', doneBytes: data.length, writtenBytes: BLOCK },
    ]);
    await ground.takeOrdersAway();
    expect(await helper.ended).toBe(0);
  });
});
