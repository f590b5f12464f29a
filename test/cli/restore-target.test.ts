import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { open, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { openDiskImage } from '../../cli/backup/disk-image.ts';
import { makeBlockTarget, openRestoreTarget } from '../../cli/restore/restore-target.ts';
import { MIB, makeTempFolder, runCli } from './support.ts';

const path = async () => join(await makeTempFolder(), 'target');

describe('a file to restore onto', () => {
  test('that is new has the size of the disk, holds nothing, and is gone when the restore is abandoned', async () => {
    const file = await path();
    const target = await openRestoreTarget({ path: file, sizeBytes: 64 * MIB, overwrite: false });
    expect(target.isBlank).toBe(true);
    expect(await stat(file)).toMatchObject({ size: 64 * MIB, blocks: 0 });
    await target.write(63 * MIB, Buffer.from('x'));
    await target.abandon();
    await expect(stat(file)).rejects.toThrow('ENOENT');
  });

  test('that is overwritten becomes blank and as long as the disk', async () => {
    const file = await path();
    await writeFile(file, randomBytes(3 * MIB));
    const target = await openRestoreTarget({ path: file, sizeBytes: MIB, overwrite: true });
    await target.write(10, Buffer.from('new'));
    await target.flush();
    await target.close();
    const expected = Buffer.alloc(MIB);
    expected.write('new', 10);
    expect((await readFile(file)).equals(expected)).toBe(true);
  });
});

test('zeroing writes zeros exactly where they belong', async () => {
  const file = await path();
  const before = randomBytes(5 * MIB);
  await writeFile(file, before);
  const handle = await open(file, 'r+');
  await makeBlockTarget(handle, before.length).zero(12_345, 3 * MIB + 1);
  await handle.close();
  expect((await readFile(file)).equals(Buffer.from(before).fill(0, 12_345, 12_345 + 3 * MIB + 1))).toBe(true);
});

/** Loop devices need root and a kernel that has them. */
const devices: string[] = [];
const attach = (file: string): string => {
  const device = execFileSync('losetup', ['--find', '--show', file], {
    encoding: 'utf8',
    stdio: 'pipe',
  }).trim();
  devices.push(device);
  return device;
};
afterEach(() => {
  for (const device of devices.splice(0)) execFileSync('losetup', ['--detach', device]);
});
const hasLoopDevices = await (async () => {
  const file = join('/tmp', `landfall-loop-${process.pid}`);
  try {
    await writeFile(file, '');
    await truncate(file, MIB);
    execFileSync('losetup', ['--detach', attach(file)]);
    return true;
  } catch {
    console.warn('loop devices cannot be made here: tests of block devices are SKIPPED');
    return false;
  } finally {
    devices.splice(0);
    execFileSync('rm', ['-f', file]);
  }
})();

describe.runIf(hasLoopDevices)('a block device', () => {
  test('is backed up whole, and restored onto only when told to, garbage zeroed and the rest left alone', async () => {
    const cwd = await makeTempFolder();
    const content = Buffer.alloc(3 * MIB);
    randomBytes(1000).copy(content, MIB + 512);
    await writeFile(join(cwd, 'source'), content);
    await writeFile(join(cwd, 'target'), randomBytes(5 * MIB));
    await writeFile(join(cwd, 'small'), Buffer.alloc(2 * MIB));
    const garbage = await readFile(join(cwd, 'target'));
    const [source, target, small] = ['source', 'target', 'small'].map((name) => attach(join(cwd, name)));

    const image = await openDiskImage({ path: source ?? '' });
    expect(image.source.size).toBe(3 * MIB);
    await image.close();
    const backup = await runCli(
      ['backup', '--repository', 'repo', '--kind', 'physical', '--name', 'x', '--disk', source ?? ''],
      { cwd },
    );
    expect(backup.exitCode, backup.stderr).toBe(0);

    const restore = (...more: string[]) => runCli(['restore', '--repository', 'repo', ...more], { cwd });
    const refused = await restore('--to', target ?? '');
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain('is a block device: nobody knows what it holds');
    const tooSmall = await restore('--to', small ?? '', '--overwrite');
    expect(tooSmall.exitCode).toBe(2);
    expect(tooSmall.stderr).toContain('has 2097152 bytes, the disk has 3145728');

    expect((await restore('--to', target ?? '', '--overwrite')).exitCode).toBe(0);
    const after = await readFile(join(cwd, 'target'));
    expect(after.subarray(0, 3 * MIB).equals(content)).toBe(true);
    expect(after.subarray(3 * MIB).equals(garbage.subarray(3 * MIB))).toBe(true);
  });
});
