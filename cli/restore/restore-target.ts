import { constants } from 'node:fs';
import { type FileHandle, open, rm, stat } from 'node:fs/promises';
import { type BlockTarget, TargetTooSmall } from '../../core/repository/index.ts';
import { sizeOfBlockDevice } from '../backup/device-size.ts';
import { BadRequest, CommandError, EXIT } from '../errors.ts';
import { formatBytes } from '../units.ts';

/** The file or device holds something, and nobody said that it may go. */
export class TargetNotBlank extends CommandError {
  override readonly name = 'TargetNotBlank';
  override readonly exitCode = EXIT.badRequest;
}

export interface RestoreTarget extends BlockTarget {
  /** Whether it reads as zeros where nothing is written. */
  readonly isBlank: boolean;
  close(): Promise<void>;
  /** Closes it and takes away the part that was written, where there was nothing before. */
  abandon(): Promise<void>;
}

export interface RestoreTargetOptions {
  readonly path: string;
  readonly sizeBytes: number;
  /** Allows to destroy what the target holds. */
  readonly overwrite: boolean;
}

const OVERWRITE = 'Name another target, or add --overwrite to lose what it holds.';

/**
 * Opens a file or block device to restore a disk onto. A new file is sparse. A file that is overwritten is emptied
 * first, so that it becomes sparse too and ends where the disk ends.
 * @throws BadRequest, TargetNotBlank, TargetTooSmall; nothing has been changed then
 */
export async function openRestoreTarget(options: RestoreTargetOptions): Promise<RestoreTarget> {
  const there = await stat(options.path).catch(() => undefined);
  if (there === undefined) return await createFile(options);
  if (there.isFile()) return await openFile(options, there.size);
  if (there.isBlockDevice()) return await openDevice(options);
  throw new BadRequest(
    `${options.path} is neither a file nor a block device`,
    'Name a file or a block device.',
  );
}

async function createFile({ path, sizeBytes }: RestoreTargetOptions): Promise<RestoreTarget> {
  const handle = await openTarget(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL);
  const abandon = async () => {
    await handle.close();
    await rm(path, { force: true });
  };
  try {
    await handle.truncate(sizeBytes);
  } catch (error) {
    await abandon();
    throw error;
  }
  return { ...makeBlockTarget(handle, sizeBytes), isBlank: true, close: () => handle.close(), abandon };
}

async function openFile(
  { path, sizeBytes, overwrite }: RestoreTargetOptions,
  presentBytes: number,
): Promise<RestoreTarget> {
  if (presentBytes > 0 && !overwrite) {
    throw new TargetNotBlank(`${path} is there already and holds ${formatBytes(presentBytes)}`, OVERWRITE);
  }
  const handle = await openTarget(path, constants.O_RDWR);
  await handle.truncate(0);
  await handle.truncate(sizeBytes);
  return {
    ...makeBlockTarget(handle, sizeBytes),
    isBlank: true,
    close: () => handle.close(),
    async abandon() {
      await handle.truncate(0);
      await handle.close();
    },
  };
}

async function openDevice({ path, sizeBytes, overwrite }: RestoreTargetOptions): Promise<RestoreTarget> {
  if (!overwrite) {
    throw new TargetNotBlank(`${path} is a block device: nobody knows what it holds`, OVERWRITE);
  }
  // O_EXCL on a block device: Linux refuses it (EBUSY) while the device is mounted or part of another one.
  const handle = await openTarget(path, constants.O_RDWR | constants.O_EXCL);
  const deviceBytes = await sizeOfBlockDevice(handle);
  if (deviceBytes < sizeBytes) {
    await handle.close();
    throw new TargetTooSmall(
      `${path} has ${deviceBytes} bytes, the disk has ${sizeBytes}; name a larger device`,
    );
  }
  const close = () => handle.close();
  return { ...makeBlockTarget(handle, deviceBytes), isBlank: false, close, abandon: close };
}

async function openTarget(path: string, openFlags: number): Promise<FileHandle> {
  try {
    return await open(path, openFlags, 0o600);
  } catch (cause) {
    const isBusy = cause instanceof Error && 'code' in cause && cause.code === 'EBUSY';
    throw new BadRequest(
      isBusy
        ? `${path} is in use (mounted, or part of another device)`
        : `${path} cannot be opened: ${String(cause)}`,
      isBusy ? 'Unmount it first, or name another target.' : 'Check the path and its permissions.',
      { cause },
    );
  }
}

const ZEROS = Buffer.alloc(1024 ** 2);

/** Writes at offsets of an open file or device; zeros are written, which both take. */
export function makeBlockTarget(handle: FileHandle, size: number): BlockTarget {
  const write = async (offset: number, bytes: Uint8Array) => {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, offset + done);
      done += bytesWritten;
    }
  };
  return {
    size,
    write,
    async zero(offset, length) {
      for (let done = 0; done < length; done += ZEROS.length) {
        await write(offset + done, ZEROS.subarray(0, Math.min(ZEROS.length, length - done)));
      }
    },
    flush: () => handle.sync(),
  };
}
