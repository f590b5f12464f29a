import { mkdir, mkdtemp, open, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeAlignedBuffers } from '../../helper/devices/aligned-buffers.ts';
import { type Devices, serialOf, waitForDevice } from '../../helper/devices/devices.ts';
import { makeLinkedDevices } from '../../helper/devices/linked-devices.ts';
import { makeNvmeDevices } from '../../helper/devices/nvme-devices.ts';
import { numbersOf, openDevice } from '../../helper/devices/open-device.ts';

const GIB = 1024 ** 3;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'landfall-devices-'));
});
afterEach(() => rm(folder, { recursive: true }));

const quick = { seconds: 0.2, signal: AbortSignal.timeout(20_000) };

describe('NVMe devices', () => {
  /** What Linux shows of a namespace: /sys/block/nvme1n1, with `device` a link to its controller. */
  async function namespace(
    name: string,
    { serial, sectors, numbers }: { serial: string; sectors: number; numbers: string },
  ): Promise<string> {
    const own = join(folder, 'block', name);
    const controller = join(folder, 'class', 'nvme', name.replace(/n\d+$/, ''));
    await mkdir(join(own, 'holders'), { recursive: true });
    await mkdir(join(own, 'slaves'));
    await mkdir(controller, { recursive: true });
    // Serial numbers are padded with spaces (NVM Express, Identify Controller).
    await writeFile(join(controller, 'serial'), `${serial.padEnd(20)}\n`);
    await symlink(controller, join(own, 'device'));
    await writeFile(join(own, 'size'), `${sectors}\n`);
    await writeFile(join(own, 'dev'), `${numbers}\n`);
    return own;
  }

  beforeEach(async () => {
    await namespace('nvme0n1', { serial: 'vol0123456789abcdef0', sectors: 16_777_216, numbers: '259:0' });
    await namespace('nvme1n1', { serial: 'vol0aa', sectors: 2_097_152, numbers: '259:4' });
    // An instance store, a disk of another kind, and the hidden path of a multipath device.
    await namespace('nvme2n1', { serial: 'AWS12A8D7E4E1B9F5C3A', sectors: 8, numbers: '259:5' });
    for (const name of ['loop0', 'nvme0c0n1']) await mkdir(join(folder, 'block', name));
  });
  const devices = (): Devices => makeNvmeDevices({ sys: folder, dev: '/somewhere/dev' });

  test('are told with serial, size and numbers, whatever they are named', async () => {
    expect(await devices().list()).toEqual([
      {
        ...{ serial: 'vol0123456789abcdef0', path: '/somewhere/dev/nvme0n1', sizeBytes: 8 * GIB },
        ...{ numbers: '259:0', usedBy: [] },
      },
      {
        ...{ serial: 'vol0aa', path: '/somewhere/dev/nvme1n1', sizeBytes: GIB },
        ...{ numbers: '259:4', usedBy: [] },
      },
      {
        ...{ serial: 'AWS12A8D7E4E1B9F5C3A', path: '/somewhere/dev/nvme2n1', sizeBytes: 4096 },
        ...{ numbers: '259:5', usedBy: [] },
      },
    ]);
  });

  test('are left out while they have no size, or are going', async () => {
    await writeFile(join(folder, 'block', 'nvme0n1', 'size'), '0\n');
    await rm(join(folder, 'block', 'nvme1n1', 'device'));
    expect((await devices().list()).map(({ serial }) => serial)).toEqual(['AWS12A8D7E4E1B9F5C3A']);
  });

  test('are in use when something holds them, one of their partitions, or is part of them', async () => {
    const own = join(folder, 'block', 'nvme1n1');
    await mkdir(join(own, 'nvme1n1p2', 'holders', 'dm-3'), { recursive: true });
    await mkdir(join(own, 'holders', 'md127'));
    await mkdir(join(own, 'slaves', 'nvme9n1'));
    const found = await waitForDevice(devices(), { volumeId: 'vol-0aa', sizeBytes: GIB }, quick);
    expect([...found.usedBy].sort()).toEqual(['dm-3', 'md127', 'nvme9n1']);
    const wanted = { volumeId: 'vol-0aa', sizeBytes: GIB };
    const opening = openDevice(found, { wanted, devices: devices(), buffers: makeAlignedBuffers(1) });
    await expect(opening).rejects.toMatchObject({ name: 'DeviceInUse', message: /dm-3/ });
  });

  test('are refused where what is opened is no block device of these numbers', async () => {
    const dev = join(folder, 'dev');
    await mkdir(dev);
    const file = await open(join(dev, 'nvme1n1'), 'w');
    await file.truncate(GIB);
    await file.close();
    const ours = makeNvmeDevices({ sys: folder, dev });
    const wanted = { volumeId: 'vol-0aa', sizeBytes: GIB };
    const found = await waitForDevice(ours, wanted, quick);
    await expect(
      openDevice(found, { wanted, devices: ours, buffers: makeAlignedBuffers(1) }),
    ).rejects.toMatchObject({ name: 'DeviceChanged' });
  });

  test('are waited for', async () => {
    const wanted = { volumeId: 'vol-0bb', sizeBytes: GIB };
    const waiting = waitForDevice(devices(), wanted, { ...quick, seconds: 20 });
    await namespace('nvme5n1', { serial: 'vol0bb', sectors: 2_097_152, numbers: '259:9' });
    expect((await waiting).path).toBe('/somewhere/dev/nvme5n1');
  });

  test('are refused by size, and missed by name', async () => {
    await expect(
      waitForDevice(devices(), { volumeId: 'vol-0aa', sizeBytes: 2 * GIB }, quick),
    ).rejects.toMatchObject({
      name: 'DeviceSizeDiffers',
      message: /1073741824 bytes, ordered were 2147483648/,
    });
    await expect(
      waitForDevice(devices(), { volumeId: 'vol-0ff', sizeBytes: GIB }, quick),
    ).rejects.toMatchObject({
      name: 'DeviceNotFound',
      message: /there are: vol0123456789abcdef0, vol0aa, AWS12A8D7E4E1B9F5C3A$/,
    });
  });

  test('have the numbers that Linux packs into one', () => {
    // What makedev() of glibc gives.
    expect(numbersOf({ rdev: 0x1_0001_0307n })).toBe('259:1048583');
    expect(numbersOf({ rdev: 0x1_0307n })).toBe('259:7');
    expect(numbersOf({ rdev: 0x700n })).toBe('7:0');
  });
});

describe('a folder of links', () => {
  test('tells of the files that links named by serial lead to', async () => {
    const links = join(folder, 'links');
    await mkdir(links);
    await writeFile(join(folder, 'disk.img'), Buffer.alloc(4096));
    await symlink(join(folder, 'disk.img'), join(links, 'vol0aa'));
    await symlink(join(folder, 'nowhere'), join(links, 'vol0bb'));
    await symlink(folder, join(links, 'vol0cc'));
    await writeFile(join(links, 'README'), 'not a volume');
    expect(await makeLinkedDevices(links).list()).toEqual([
      { serial: 'vol0aa', path: join(folder, 'disk.img'), sizeBytes: 4096, numbers: undefined, usedBy: [] },
    ]);
    expect(serialOf('vol-0aa')).toBe('vol0aa');
  });
});

describe('an open device', () => {
  async function device(bytes: number) {
    await writeFile(join(folder, 'disk.img'), Buffer.alloc(bytes));
    await symlink(join(folder, 'disk.img'), join(folder, 'vol0aa'));
    const wanted = { volumeId: 'vol-0aa', sizeBytes: bytes };
    const devices = makeLinkedDevices(folder);
    const found = await waitForDevice(devices, wanted, quick);
    return openDevice(found, { wanted, devices, buffers: makeAlignedBuffers(2) });
  }

  test('reads what was written, up to an end at any byte, more at a time than there are buffers', async () => {
    const opened = await device(524_288 * 3 + 777);
    await opened.write(524_288 * 3, Buffer.alloc(777, 7));
    await opened.write(5, Buffer.of(1, 2, 3));
    await opened.flush();
    const copies = await Promise.all([
      opened.read({ offset: 524_288 * 3, length: 777 }, (bytes) => Buffer.from(bytes)),
      opened.read({ offset: 0, length: 10 }, (bytes) => Buffer.from(bytes)),
      opened.read({ offset: 524_288, length: 524_288 }, (bytes) => Buffer.from(bytes)),
    ]);
    expect(copies.map((copy) => copy.length)).toEqual([777, 10, 524_288]);
    expect(copies[0]?.equals(Buffer.alloc(777, 7))).toBe(true);
    expect([...(copies[1] ?? [])]).toEqual([0, 0, 0, 0, 0, 1, 2, 3, 0, 0]);
    expect(copies[2]?.equals(Buffer.alloc(524_288))).toBe(true);
    await opened.close();
    await opened.close();
  });

  test('does not read past its end', async () => {
    const opened = await device(8192);
    await expect(opened.read({ offset: 4096, length: 8192 }, () => 0)).rejects.toMatchObject({
      name: 'DeviceFailed',
    });
    await opened.close();
    await expect(opened.write(0, Buffer.alloc(1))).rejects.toMatchObject({ name: 'DeviceFailed' });
  });
});
