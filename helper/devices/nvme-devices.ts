import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Devices, FoundDevice } from './devices.ts';

export interface NvmeOptions {
  /** Where sysfs is mounted. */
  readonly sys?: string;
  readonly dev?: string;
}

const SECTOR_BYTES = 512;
// A namespace as a whole. Not its partitions (nvme1n1p1), and not the hidden paths of a multipath device (nvme1c1n1).
const NAMESPACE = /^nvme\d+n\d+$/;

/**
 * The NVMe devices of this machine, as Linux tells of them below /sys/block. The serial is asked of the namespace's
 * controller, or of its subsystem with native multipath: `device` leads to either.
 * https://docs.kernel.org/admin-guide/abi-stable.html (block: size, in sectors of 512 bytes whatever the device's own are)
 */
export function makeNvmeDevices({ sys = '/sys', dev = '/dev' }: NvmeOptions = {}): Devices {
  const blocks = join(sys, 'block');
  return {
    place: blocks,
    async list() {
      const names = (await namesIn(blocks)).filter((name) => NAMESPACE.test(name));
      const found = await Promise.all(names.map((name) => describe(name, { blocks, dev })));
      return found.filter((device) => device !== undefined);
    },
  };
}

async function describe(
  name: string,
  { blocks, dev }: { blocks: string; dev: string },
): Promise<FoundDevice | undefined> {
  const own = join(blocks, name);
  const [serial, size, numbers] = await Promise.all(
    ['device/serial', 'size', 'dev'].map((file) => textOf(join(own, file))),
  );
  const sectors = Number(size);
  // A namespace that is just coming or going.
  if (!serial || !numbers || !(sectors > 0)) return undefined;
  return {
    serial,
    path: join(dev, name),
    sizeBytes: sectors * SECTOR_BYTES,
    numbers,
    usedBy: await usersOf(own, name),
  };
}

/** Device mapper, md and the like tell under `holders` and `slaves`, of the device or of one of its partitions. */
async function usersOf(own: string, name: string): Promise<string[]> {
  const partitions = (await namesIn(own)).filter((entry) => entry.startsWith(`${name}p`));
  const folders = [...['', ...partitions].map((part) => join(own, part, 'holders')), join(own, 'slaves')];
  return (await Promise.all(folders.map(namesIn))).flat();
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

// ENODEV and ENXIO: the attribute of a device that went away while it was read.
const GONE = new Set(['ENOENT', 'ENOTDIR', 'ENODEV', 'ENXIO']);

const isGone = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' && GONE.has(error.code);
