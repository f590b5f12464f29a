import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { takeDrillFolder } from '../../cli/drill/drill-folder.ts';
import { unpackSampleMachine } from '../../cli/drill/sample-machine.ts';
import { chooseTimeScale } from '../../cli/drill/time-scale.ts';
import { MIB, makeTempFolder } from './support.ts';

/** Reads into one buffer: a stream's fresh ones take longer than the digest. */
async function sha256(path: string): Promise<string> {
  const digest = createHash('sha256');
  const handle = await open(path);
  const buffer = Buffer.alloc(4 * MIB);
  for (let position = 0; ; ) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) break;
    digest.update(buffer.subarray(0, bytesRead));
    position += bytesRead;
  }
  await handle.close();
  return digest.digest('hex');
}

async function textAt(path: string, offset: number, length: number): Promise<string> {
  const handle = await open(path);
  const { buffer } = await handle.read(Buffer.alloc(length), 0, length, offset);
  await handle.close();
  return buffer.toString('ascii');
}

test('the sample machine unpacks to the very disks that were packed, as sparse files', async () => {
  const folder = await makeTempFolder();
  const { workload, disks } = await unpackSampleMachine(folder);
  expect(workload).toMatchObject({ name: 'web01', kind: 'ec2', platform: 'linux', bootMode: 'legacy-bios' });
  expect(disks.map(({ id, boot, deviceName, volume }) => [id, boot, deviceName, volume?.iops])).toEqual([
    ['root', true, '/dev/xvda', 3000],
    ['data', false, '/dev/sdf', 3000],
  ]);
  const sums = await readFile(new URL('../../samples/web01/SHA256SUMS', import.meta.url), 'utf8');
  // One digest is enough to know the unpacking by, and two take long.
  expect(sums).toContain(`${await sha256(join(folder, 'data.img'))}  data.img\n`);
  expect(await textAt(join(folder, 'root.img'), 512, 8)).toBe('EFI PART');
  const [root, data] = await Promise.all(['root.img', 'data.img'].map((name) => stat(join(folder, name))));
  expect([root?.size, data?.size]).toEqual([1_342_177_280, 734_003_200]);
  expect((root?.blocks ?? 0) * 512).toBeLessThan(3 * MIB);
  expect((data?.blocks ?? 0) * 512).toBeLessThan(3 * MIB);
});

test.each([
  ['no disks', [], 0.02],
  ['the sample machine', [1_342_177_280, 734_003_200], 0.02],
  // 3.5 GiB at 50 MiB/s take 71.68 s, of which 3,600 simulated seconds at 0.02 leave 72.
  ['3.5 GiB', [3_758_096_384], 0.02],
  ['3.6 GiB', [3_865_470_566], 0.03],
  // 10,240 MiB take 204.8 s, which is 0.0569 of an hour.
  ['10 GiB in two disks', [8_589_934_592, 2_147_483_648], 0.06],
  ['100 GiB', [107_374_182_400], 0.57],
  ['175 GiB', [187_904_819_200], 1],
  ['16 TiB', [17_592_186_044_416], 1],
])(
  'the time of a drill with %s runs at a speed at which its disks can be copied in time',
  (_, sizes, scale) => {
    expect(chooseTimeScale(sizes)).toBe(scale);
  },
);

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
