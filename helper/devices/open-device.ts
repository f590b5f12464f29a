import type { BigIntStats } from 'node:fs';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { BLOCK_BYTES, type BlockTarget } from '../../core/repository/index.ts';
import { DeviceChanged, DeviceFailed, DeviceInUse } from '../errors.ts';
import type { AlignedBuffers } from './aligned-buffers.ts';
import { checkSize, type Devices, type FoundDevice, serialOf, type WantedDevice } from './devices.ts';

export interface OpenDevice extends BlockTarget {
  readonly volumeId: string;
  /**
   * Where reads come from. `device`: they pass the page cache by (O_DIRECT), so that they tell what the device holds.
   * `page cache`: the file system refuses that, so that they may tell what was written without asking the device.
   */
  readonly readsFrom: 'device' | 'page cache';
  /**
   * Reads up to one block and shows it to `look`; the bytes are gone when that returns.
   * `offset` is a multiple of 4 KiB. @throws DeviceFailed also where fewer bytes are there
   */
  read<Result>(range: ReadRange, look: (bytes: Uint8Array) => Result): Promise<Result>;
  /** Waits for what is under way. May be called twice. */
  close(): Promise<void>;
}

export interface ReadRange {
  readonly offset: number;
  readonly length: number;
}

/**
 * Opens a device that was found, for this process alone where it is a block device, and makes sure that it is that one.
 * @throws DeviceInUse, DeviceChanged, DeviceSizeDiffers, DeviceFailed
 */
export async function openDevice(
  found: FoundDevice,
  { wanted, devices, buffers }: { wanted: WantedDevice; devices: Devices; buffers: AlignedBuffers },
): Promise<OpenDevice> {
  const { path, usedBy } = found;
  const what = `${path} of volume ${wanted.volumeId}`;
  if (usedBy.length > 0) throw new DeviceInUse(`${what} is in use by ${usedBy.join(', ')}`);
  const handle = await openExclusively(found, what);
  try {
    await checkIdentity(handle, { found, wanted, devices });
    const direct = await openDirect(path, what);
    return makeDevice({ handle, direct, buffers, what, wanted });
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function openExclusively({ path, numbers }: FoundDevice, what: string): Promise<FileHandle> {
  // O_EXCL on a block device: Linux refuses it (EBUSY) while the device, or a partition of it, is mounted or part of another one.
  const flags = constants.O_RDWR | (numbers === undefined ? 0 : constants.O_EXCL);
  try {
    return await open(path, flags);
  } catch (cause) {
    if (codeOf(cause) === 'EBUSY') {
      throw new DeviceInUse(`${what} is mounted, or part of another device`, { cause });
    }
    throw new DeviceFailed(`${what} cannot be opened: ${String(cause)}`, { cause });
  }
}

/** Names of devices are given anew when volumes come and go: what counts is what the open handle is of. */
async function checkIdentity(
  handle: FileHandle,
  { found, wanted, devices }: { found: FoundDevice; wanted: WantedDevice; devices: Devices },
): Promise<void> {
  const stats = await handle.stat({ bigint: true });
  const numbers = stats.isBlockDevice() ? numbersOf(stats) : undefined;
  if (numbers !== found.numbers || !(stats.isBlockDevice() || stats.isFile())) {
    throw new DeviceChanged(
      `${found.path} is not the device that volume ${wanted.volumeId} was found as: it is ${numbers ?? 'no block device'}, not ${found.numbers ?? 'a file'}`,
    );
  }
  const now = (await devices.list()).find(({ path }) => path === found.path);
  if (now?.serial !== serialOf(wanted.volumeId) || now.numbers !== found.numbers) {
    throw new DeviceChanged(
      `${found.path} was of volume ${wanted.volumeId} and has the serial ${now?.serial ?? 'of none'} now`,
    );
  }
  checkSize(now, wanted);
}

/** `gnu_dev_major` and `gnu_dev_minor` of glibc: how Linux packs both into 64 bits. */
export function numbersOf({ rdev }: Pick<BigIntStats, 'rdev'>): string {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & ~0xffn);
  return `${major}:${minor}`;
}

/** A second handle for reading past the page cache; `undefined` where the file system has no such thing. */
async function openDirect(path: string, what: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_DIRECT);
  } catch (cause) {
    if (codeOf(cause) === 'EINVAL') return undefined;
    throw new DeviceFailed(`${what} cannot be opened for reading: ${String(cause)}`, { cause });
  }
}

interface Parts {
  readonly handle: FileHandle;
  readonly direct: FileHandle | undefined;
  readonly buffers: AlignedBuffers;
  readonly what: string;
  readonly wanted: WantedDevice;
}

function makeDevice({ handle, direct, buffers, what, wanted }: Parts): OpenDevice {
  const failing = async <Result>(doing: string, action: () => Promise<Result>): Promise<Result> => {
    try {
      return await action();
    } catch (cause) {
      throw new DeviceFailed(`${doing} ${what} failed: ${String(cause)}`, { cause });
    }
  };
  let closing: Promise<void> | undefined;
  return {
    volumeId: wanted.volumeId,
    size: wanted.sizeBytes,
    readsFrom: direct ? 'device' : 'page cache',
    write: (offset, bytes) =>
      failing(`writing at offset ${offset} of`, () => writeAll(handle, { offset, bytes })),
    zero: (offset, length) =>
      failing(`zeroing at offset ${offset} of`, () => writeZeros(handle, { offset, length })),
    flush: () => failing('flushing', () => handle.datasync()),
    read: ({ offset, length }, look) =>
      buffers.lend(async (block) => {
        await failing(`reading at offset ${offset} of`, () =>
          fill(direct ?? handle, { block, offset, length }),
        );
        return look(block.subarray(0, length));
      }),
    close() {
      closing ??= failing('closing', async () => {
        await direct?.close();
        await handle.close();
      });
      return closing;
    },
  };
}

async function writeAll(handle: FileHandle, { offset, bytes }: { offset: number; bytes: Uint8Array }) {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, offset + done);
    done += bytesWritten;
  }
}

const ZEROS = Buffer.alloc(BLOCK_BYTES);

async function writeZeros(handle: FileHandle, { offset, length }: ReadRange) {
  for (let done = 0; done < length; done += ZEROS.length) {
    const bytes = ZEROS.subarray(0, Math.min(ZEROS.length, length - done));
    await writeAll(handle, { offset: offset + done, bytes });
  }
}

/** Sectors are of 512 or 4,096 bytes: whole ones of the larger kind suit both. */
const SECTOR_BYTES = 4096;

/** Reads whole sectors; at a file's end fewer bytes come, but never fewer than `length`. */
async function fill(handle: FileHandle, { block, offset, length }: ReadRange & { block: Uint8Array }) {
  const whole = Math.min(block.length, Math.ceil(length / SECTOR_BYTES) * SECTOR_BYTES);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(block, done, whole - done, offset + done);
    if (bytesRead === 0) throw new RangeError(`it ends after ${offset + done} bytes`);
    done += bytesRead;
  }
}

const codeOf = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined;
