import { createCipheriv, createHash } from 'node:crypto';
import { parseDiskId, parseWorkloadName } from '../../core/model/ids.ts';
import { type Workload, workloadSchema } from '../../core/model/manifest.ts';
import {
  type BackupRequest,
  type BackupResult,
  backUp,
  type DiskReader,
  type DiskSource,
  openDisk,
  type Repository,
  readManifest,
} from '../../core/repository/index.ts';

export const BLOCK = 524_288;

export const diskId = parseDiskId;

export const workload = (name = 'web01'): Workload =>
  workloadSchema.parse({
    name: parseWorkloadName(name),
    kind: 'ec2',
    platform: 'linux',
    architecture: 'x86_64',
    tags: {},
  });

/** 512 KiB that no compression makes small, the same for the same seed. */
export function noise(seed: string | number, length = BLOCK): Buffer {
  const key = createHash('sha256').update(String(seed)).digest().subarray(0, 16);
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length));
}

/** 512 KiB that compress to next to nothing, different for each seed. */
export const text = (seed: string | number, length = BLOCK): Buffer =>
  Buffer.alloc(length, `block ${seed} says hello. `);

const ZEROS = Buffer.alloc(BLOCK);

/** A disk drawn as one character a block: `.` is zeros, a capital is noise, anything else text; the same character is the same content. */
export const drawn = (blocks: string, tail: Uint8Array = Buffer.alloc(0)): Buffer =>
  Buffer.concat([
    ...[...blocks].map((character) => {
      if (character === '.') return ZEROS;
      return /[A-Z]/.test(character) ? noise(character) : text(character);
    }),
    tail,
  ]);

export const sourceOf = (bytes: Uint8Array): DiskSource => ({
  size: bytes.length,
  read: async (offset, length) => Uint8Array.from(bytes.subarray(offset, offset + length)),
});

export interface BackupOptions extends Partial<Omit<BackupRequest, 'disks' | 'time' | 'workload'>> {
  readonly time?: string;
  readonly name?: string;
}

/** Backs up these disks, the first being the boot disk, in segments of four blocks. */
export function backUpDisks(
  repository: Repository,
  disks: Readonly<Record<string, Uint8Array | DiskSource>>,
  { time = '2026-11-30T10:15:00Z', name, ...options }: BackupOptions = {},
): Promise<BackupResult> {
  return backUp(repository, {
    workload: workload(name),
    time: new Date(time),
    disks: Object.entries(disks).map(([id, content], order) => ({
      id: diskId(id),
      boot: order === 0,
      source: content instanceof Uint8Array ? sourceOf(content) : content,
    })),
    segmentBytes: 4 * BLOCK,
    ...options,
  });
}

export async function openDiskOf(
  repository: Repository,
  id: BackupResult['restorePoint'],
  disk = 'root',
  memoryBytes?: number,
): Promise<DiskReader> {
  const manifest = await readManifest(repository, id);
  return openDisk(repository, { id, manifest, diskId: diskId(disk), memoryBytes });
}

/** All bytes of a disk, over a background that is not zero: what is not yielded shows. */
export async function bytesOf(reader: DiskReader, from = 0, to = reader.segmentCount): Promise<Buffer> {
  const start = Math.min(from * reader.segmentBytes, reader.size);
  const end = Math.min(to * reader.segmentBytes, reader.size);
  const bytes = Buffer.alloc(end - start, 0xee);
  let next = start;
  for await (const piece of reader.read(from, to)) {
    if (piece.offset !== next) throw new Error(`a piece at ${piece.offset} follows one that ends at ${next}`);
    const at = piece.offset - start;
    if (piece.kind === 'data') bytes.set(piece.bytes, at);
    else bytes.fill(0, at, at + piece.length);
    next += piece.kind === 'data' ? piece.bytes.length : piece.length;
  }
  if (next !== end) throw new Error(`the last piece ends at ${next}, not ${end}`);
  return bytes;
}
