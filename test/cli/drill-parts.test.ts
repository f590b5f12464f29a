import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { takeDrillFolder } from '../../cli/drill/drill-folder.ts';
import { unpackSampleMachine } from '../../cli/drill/sample-machine.ts';
import { MIB, makeTempFolder } from './support.ts';

async function sha256(path: string): Promise<string> {
  const digest = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 4 * MIB })) digest.update(chunk);
  return digest.digest('hex');
}

test('the sample machine unpacks to the very disks that were packed, as sparse files', async () => {
  const folder = await makeTempFolder();
  const { workload, disks } = await unpackSampleMachine(folder);
  expect(workload).toMatchObject({ name: 'web01', kind: 'ec2', platform: 'linux', bootMode: 'legacy-bios' });
  expect(disks.map(({ id, boot, deviceName, volume }) => [id, boot, deviceName, volume?.iops])).toEqual([
    ['root', true, '/dev/xvda', 3000],
    ['data', false, '/dev/sdf', 4000],
  ]);
  const sums = await readFile(new URL('../../samples/web01/SHA256SUMS', import.meta.url), 'utf8');
  const found = await Promise.all(
    ['root.img', 'data.img'].map(async (name) => `${await sha256(join(folder, name))}  ${name}\n`),
  );
  expect(found.join('')).toBe(sums);
  const [root, data] = await Promise.all(['root.img', 'data.img'].map((name) => stat(join(folder, name))));
  expect([root?.size, data?.size]).toEqual([1_342_177_280, 734_003_200]);
  expect((root?.blocks ?? 0) * 512).toBeLessThan(3 * MIB);
  expect((data?.blocks ?? 0) * 512).toBeLessThan(3 * MIB);
});

test('a drill empties its folder, or keeps what is there when asked, but never a folder of others', async () => {
  const parent = await makeTempFolder();
  const folder = join(parent, 'drill');
  const release = await takeDrillFolder(folder, { keep: false });
  await mkdir(join(folder, 'ec2'));
  await expect(takeDrillFolder(folder, { keep: false })).rejects.toThrow(`a drill is under way in ${folder}`);
  await release();
  await (await takeDrillFolder(folder, { keep: true }))();
  expect((await readdir(folder)).sort()).toEqual(['ec2', 'landfall-drill']);
  await (await takeDrillFolder(folder, { keep: false }))();
  expect(await readdir(folder)).toEqual(['landfall-drill']);

  const others = join(parent, 'photos');
  await mkdir(others);
  await writeFile(join(others, 'a.jpg'), 'x');
  await expect(takeDrillFolder(others, { keep: false })).rejects.toThrow('was not made by a drill');
  expect(await readdir(others)).toEqual(['a.jpg']);
});
