import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Bytes, parseBytes } from '../../core/model/ids.ts';
import type { DiskSource } from '../../core/repository/index.ts';
import { BadRequest, CommandError } from '../errors.ts';
import { sizeOfBlockDevice } from './device-size.ts';
import { findHoles } from './hole-map.ts';
import { detectImageFormat, type ImageFormat } from './image-format.ts';
import { convertToRaw } from './qemu-img.ts';

/** A disk image became shorter, or its device failed, while it was read. */
export class UnreadableImage extends CommandError {
  override readonly name = 'UnreadableImage';
}

export interface DiskImageOptions {
  readonly path: string;
  /** Skips the look at the file's first bytes. */
  readonly format?: ImageFormat;
  /** Where converted images are kept meanwhile; default: the system's folder for temporary files. */
  readonly workFolder?: string;
  /** Keeps the converted image in this file instead. */
  readonly keepAs?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
  /** Told before a conversion, which may take long. */
  readonly onConvert?: (format: ImageFormat) => void;
}

export interface DiskImage {
  readonly source: DiskSource & { readonly size: Bytes };
  readonly format: ImageFormat;
  /** Where the disk's raw bytes are: the path itself, or the converted image. */
  readonly rawPath: string;
  /** Whether the file was written to since it was opened: the backup then mixes two moments. */
  hasChanged(): Promise<boolean>;
  /** Closes it, and removes what a conversion left. */
  close(): Promise<void>;
}

/**
 * Opens a raw image file, a block device, or an image that `qemu-img` can turn into raw.
 * @throws BadRequest for what is no disk image, QemuImgNotFound, ConversionFailed
 */
export async function openDiskImage(options: DiskImageOptions): Promise<DiskImage> {
  const { path } = options;
  const handle = await openForReading(path);
  try {
    const size = await sizeOf(handle, path);
    const format = options.format ?? (await formatOf(handle, { path, size }));
    if (format === 'raw') return await makeRawImage(handle, { ...options, size });
    return await openConverted(handle, { ...options, format });
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function openForReading(path: string): Promise<FileHandle> {
  try {
    // A FIFO would wait for its writer for ever without O_NONBLOCK; files and disks do not mind.
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new BadRequest(
      `disk image ${path} cannot be opened: ${problem}`,
      'Check the path and its permissions.',
      {
        cause,
      },
    );
  }
}

async function sizeOf(handle: FileHandle, path: string): Promise<number> {
  const stats = await handle.stat();
  const size = stats.isFile()
    ? stats.size
    : stats.isBlockDevice()
      ? await sizeOfBlockDevice(handle)
      : undefined;
  if (size === undefined) {
    throw new BadRequest(
      `${path} is neither a file nor a block device`,
      'Name a disk image or a block device.',
    );
  }
  if (size === 0) throw new BadRequest(`${path} is empty`, 'Name a disk image that holds a disk.');
  return size;
}

async function formatOf(
  handle: FileHandle,
  { path, size }: { path: string; size: number },
): Promise<ImageFormat> {
  const detected = await detectImageFormat(handle, size);
  if (detected.kind === 'image') return detected.format;
  throw new BadRequest(
    `${path} is packed with ${detected.what}: it is not a disk image as it is`,
    `Unpack it first (${detected.unpackWith}), or say --format raw if these really are the first bytes of a disk.`,
  );
}

async function openConverted(
  original: FileHandle,
  { path, format, workFolder, keepAs, env, signal, onConvert }: DiskImageOptions & { format: ImageFormat },
): Promise<DiskImage> {
  const before = await original.stat({ bigint: true });
  const folder = await mkdtemp(join(workFolder ?? tmpdir(), 'landfall-convert-'));
  const removeFolder = () => rm(folder, { recursive: true, force: true });
  try {
    onConvert?.(format);
    const target = keepAs ?? join(folder, 'disk.raw');
    await convertToRaw({ path, format, target, env, signal });
    const handle = await open(target, 'r');
    const raw = await makeRawImage(handle, { path: target, size: (await handle.stat()).size, env, signal });
    return {
      source: raw.source,
      format,
      rawPath: target,
      hasChanged: () => hasBeenWritten(original, before),
      async close() {
        await raw.close();
        await original.close();
        await removeFolder();
      },
    };
  } catch (error) {
    await removeFolder();
    throw error;
  }
}

async function makeRawImage(
  handle: FileHandle,
  { path, size, env, signal }: Pick<DiskImageOptions, 'path' | 'env' | 'signal'> & { size: number },
): Promise<DiskImage> {
  const before = await handle.stat({ bigint: true });
  return {
    source: {
      size: parseBytes(size),
      read: (offset, length) => readFully(handle, { path, offset, length }),
      nextData: await findHoles({ path, stats: before, env, signal }),
      // A block device cannot change while it is open.
      currentSize: async () => (before.isFile() ? (await handle.stat()).size : size),
    },
    format: 'raw',
    rawPath: path,
    hasChanged: () => hasBeenWritten(handle, before),
    close: () => handle.close(),
  };
}

async function hasBeenWritten(handle: FileHandle, before: BigIntStats): Promise<boolean> {
  return (await handle.stat({ bigint: true })).mtimeNs !== before.mtimeNs;
}

async function readFully(
  handle: FileHandle,
  { path, offset, length }: { path: string; offset: number; length: number },
): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(bytes, done, length - done, offset + done);
    if (bytesRead === 0) {
      throw new UnreadableImage(
        `${path} ended at offset ${offset + done}, before its size when it was opened`,
        'Back it up while nothing writes to it or shortens it.',
      );
    }
    done += bytesRead;
  }
  return bytes;
}
