import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readdir, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { findEnd } from '../../cli/backup/device-size.ts';
import { openDiskImage } from '../../cli/backup/disk-image.ts';
import { makeHint } from '../../cli/backup/hole-map.ts';
import { detectImageFormat } from '../../cli/backup/image-format.ts';
import { MIB, makeTempFolder } from './support.ts';

const hasQemuImg = (() => {
  try {
    execFileSync('qemu-img', ['--version']);
    return true;
  } catch {
    console.warn('qemu-img is not on PATH: tests of real conversions are SKIPPED');
    return false;
  }
})();

async function detect(bytes: Buffer) {
  const path = join(await makeTempFolder(), 'image.raw');
  await writeFile(path, bytes);
  const handle = await open(path);
  try {
    return await detectImageFormat(handle, bytes.length);
  } finally {
    await handle.close();
  }
}

const at = (offset: number, bytes: Buffer, total = 4096) => {
  const image = Buffer.alloc(total);
  bytes.copy(image, offset);
  return image;
};

describe('the format of an image is told by its bytes', () => {
  test.each([
    ['qcow2', at(0, Buffer.from([0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 3]))],
    ['vmdk', at(0, Buffer.from('KDMV'))],
    ['vmdk', Buffer.from('# Disk DescriptorFile\nversion=1\n')],
    ['vhdx', at(0, Buffer.from('vhdxfile'))],
    ['vpc', at(0, Buffer.from('conectix'))],
    ['vpc', at(4096 - 512, Buffer.from('conectix'))],
    ['vdi', at(64, Buffer.from([0x7f, 0x10, 0xda, 0xbe]))],
    ['raw', at(510, Buffer.from([0x55, 0xaa]))],
    ['raw', Buffer.from('tiny')],
  ])('%s', async (format, bytes) => {
    expect(await detect(bytes)).toEqual({ kind: 'image', format });
  });

  test.each([
    ['gzip', gzipSync(Buffer.alloc(100))],
    ['zstd', zstdCompressSync(Buffer.alloc(100))],
    ['tar (an OVA, perhaps)', at(257, Buffer.from('ustar'))],
  ])('%s is packed, no image', async (what, bytes) => {
    expect(await detect(bytes)).toMatchObject({ kind: 'packed', what });
  });

  test.runIf(hasQemuImg).each(['qcow2', 'vmdk', 'vhdx', 'vpc', 'vdi'])(
    '%s as qemu-img makes it',
    async (format) => {
      const path = join(await makeTempFolder(), 'image');
      execFileSync('qemu-img', ['create', '-q', '-f', format, path, '8M']);
      const handle = await open(path);
      expect(await detectImageFormat(handle, (await handle.stat()).size)).toEqual({ kind: 'image', format });
      await handle.close();
    },
  );
});

describe('an opened image', () => {
  test('reads the bytes of a raw file and notices that it is written to', async () => {
    const path = join(await makeTempFolder(), 'disk.qcow2');
    const bytes = randomBytes(10_000);
    await writeFile(path, bytes);
    const image = await openDiskImage({ path });
    expect(image.format).toBe('raw');
    expect(image.source.size).toBe(10_000);
    expect(Buffer.from(await image.source.read(123, 9_877)).equals(bytes.subarray(123))).toBe(true);
    expect(await image.hasChanged()).toBe(false);
    await writeFile(path, bytes);
    expect(await image.hasChanged()).toBe(true);
    await truncate(path, 5_000);
    expect(await image.source.currentSize?.()).toBe(5_000);
    await expect(image.source.read(4_000, 2_000)).rejects.toThrow(`${path} ended at offset 5000`);
    await image.close();
  });

  test.each([
    ['an empty file', async (path: string) => writeFile(path, ''), 'is empty'],
    ['a folder', async (path: string) => mkdir(path), 'is neither a file nor a block device'],
    ['nothing', async () => {}, 'cannot be opened: ENOENT'],
    ['a gzip file', async (path: string) => writeFile(path, gzipSync('x')), 'is packed with gzip'],
  ])('refuses %s', async (_what, make, message) => {
    const path = join(await makeTempFolder(), 'disk.img');
    await make(path);
    await expect(openDiskImage({ path })).rejects.toMatchObject({
      name: 'BadRequest',
      message: expect.stringContaining(message),
    });
  });

  test('is taken as raw when that is said, whatever its bytes look like', async () => {
    const path = join(await makeTempFolder(), 'disk.img');
    await writeFile(path, at(0, Buffer.from([0x51, 0x46, 0x49, 0xfb])));
    const image = await openDiskImage({ path, format: 'raw' });
    expect(image.source.size).toBe(4096);
    await image.close();
  });

  test('says what to install when qemu-img is needed and not there', async () => {
    const folder = await makeTempFolder();
    const path = join(folder, 'disk.raw');
    await writeFile(path, at(0, Buffer.from([0x51, 0x46, 0x49, 0xfb])));
    const opening = openDiskImage({ path, env: { PATH: folder }, workFolder: folder });
    await expect(opening).rejects.toMatchObject({
      name: 'QemuImgNotFound',
      message: `${path} is a qcow2 image, and qemu-img, which reads those, is not on PATH`,
      nextStep: expect.stringContaining('qemu-utils'),
    });
    expect(await readdir(folder)).toEqual(['disk.raw']);
  });

  test('hands on what qemu-img complains about, and leaves nothing behind', async () => {
    const folder = await makeTempFolder();
    const path = join(folder, 'disk.raw');
    await writeFile(path, at(0, Buffer.from('KDMV')));
    await writeFile(
      join(folder, 'qemu-img'),
      '#!/bin/sh\necho "first line" >&2\necho "cannot read it" >&2\nexit 1\n',
    );
    await chmod(join(folder, 'qemu-img'), 0o755);
    const opening = openDiskImage({
      path,
      env: { PATH: `${folder}:${process.env.PATH}` },
      workFolder: folder,
    });
    await expect(opening).rejects.toThrow(`qemu-img could not read ${path} as vmdk: cannot read it`);
    expect((await readdir(folder)).sort()).toEqual(['disk.raw', 'qemu-img']);
  });

  test.runIf(hasQemuImg)('is converted to a sparse raw file for the time it is open', async () => {
    const folder = await makeTempFolder();
    const raw = join(folder, 'made.raw');
    const path = join(folder, 'disk.img');
    const data = randomBytes(70_000);
    await writeFile(raw, data);
    await truncate(raw, 64 * MIB);
    execFileSync('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', raw, path]);
    const image = await openDiskImage({ path, workFolder: folder });
    expect(image.format).toBe('qcow2');
    expect(image.source.size).toBe(64 * MIB);
    expect(Buffer.from(await image.source.read(0, 70_000)).equals(data)).toBe(true);
    expect((await stat(image.rawPath)).blocks * 512).toBeLessThan(MIB);
    await image.close();
    expect((await readdir(folder)).sort()).toEqual(['disk.img', 'made.raw']);
  });
});

describe('where data is', () => {
  test.runIf(hasQemuImg)('is asked of qemu-img for files with large holes', async () => {
    const path = join(await makeTempFolder(), 'disk.img');
    const handle = await open(path, 'w');
    await handle.write(Buffer.alloc(8192, 1), 0, 8192, 1536 * MIB);
    await handle.truncate(3072 * MIB);
    await handle.close();
    const image = await openDiskImage({ path });
    const data = await image.source.nextData?.(0);
    // File systems allocate in blocks of their own; the data must lie within.
    expect(data?.offset).toBeLessThanOrEqual(1536 * MIB);
    expect(data?.offset).toBeGreaterThan(1500 * MIB);
    expect((data?.offset ?? 0) + (data?.length ?? 0)).toBeGreaterThanOrEqual(1536 * MIB + 8192);
    expect(await image.source.nextData?.(1600 * MIB)).toBeUndefined();
    await image.close();
  });

  test('is found from any offset', async () => {
    const hint = makeHint([
      { offset: 10, length: 5 },
      { offset: 20, length: 1 },
      { offset: 40, length: 10 },
    ]);
    const found = await Promise.all([0, 10, 14, 15, 20, 21, 49, 50].map(hint));
    expect(found).toEqual([
      { offset: 10, length: 5 },
      { offset: 10, length: 5 },
      { offset: 14, length: 1 },
      { offset: 20, length: 1 },
      { offset: 20, length: 1 },
      { offset: 40, length: 10 },
      { offset: 49, length: 1 },
      undefined,
    ]);
  });
});

test.each([0, 1, 512, 4095, 4096, 4097, 8192, 5_000_192])(
  'the end of a device of %i bytes is found by reading',
  async (size) => {
    const path = join(await makeTempFolder(), 'device');
    await writeFile(path, '');
    await truncate(path, size);
    const handle = await open(path);
    expect(await findEnd(handle)).toBe(size);
    await handle.close();
  },
);
