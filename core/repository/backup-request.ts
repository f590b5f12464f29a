import type { DiskId, RestorePointId } from '../model/ids.ts';
import { type Manifest, manifestSchema, type SourceVolume, type Workload } from '../model/manifest.ts';
import { BLOCK_BYTES } from './block.ts';
import { DEFAULT_SEGMENT_BYTES, DISK_MOST_BYTES, DISK_MOST_SEGMENTS } from './disk-format.ts';
import { InvalidBackup } from './errors.ts';
import type { DiskSource } from './source.ts';

export interface BackupDisk {
  readonly id: DiskId;
  readonly boot: boolean;
  readonly deviceName?: string;
  readonly volume?: SourceVolume;
  readonly source: DiskSource;
}

export interface BackupRequest {
  readonly workload: Workload;
  /** The moment the disks' content stands for; kept to the second. */
  readonly time: Date;
  /** In their order; exactly one is the boot disk. */
  readonly disks: readonly BackupDisk[];
  /** Default 1 GiB; a whole number of blocks (512 KiB). */
  readonly segmentBytes?: number;
  /** What the engine may hold in buffers; default 128 MiB, at least 64 MiB is used. */
  readonly memoryBytes?: number;
  /** Whose blocks to reuse; default the workload's latest restore point before `time`. */
  readonly parent?: 'latest' | 'none' | RestorePointId;
  readonly clock?: () => Date;
  readonly onProgress?: (progress: BackupProgress) => void;
  readonly signal?: AbortSignal;
}

/** Of one disk, since its backup began. */
export interface BackupProgress {
  readonly diskId: DiskId;
  /** Bytes of the disk dealt with, holes included: reaches `sizeBytes`. */
  readonly readBytes: number;
  readonly sizeBytes: number;
  /** Compressed bytes that were new. */
  readonly storedBytes: number;
  /** Bytes of the disk's data that the repository already held. */
  readonly reusedBytes: number;
}

export interface CheckedBackup {
  readonly request: BackupRequest;
  readonly segmentBytes: number;
  readonly memoryBytes: number;
  /** Each disk with the size that its source had. */
  readonly disks: readonly (BackupDisk & { readonly size: number })[];
  /** All of the manifest but what only the backup finds out. */
  readonly draft: Pick<Manifest, 'format' | 'workload' | 'time'>;
}

const MIB = 1024 ** 2;
const DEFAULT_MEMORY_BYTES = 128 * MIB;
const LEAST_MEMORY_BYTES = 64 * MIB;

/** @throws InvalidBackup */
export function checkBackup(request: BackupRequest): CheckedBackup {
  const { workload, segmentBytes = DEFAULT_SEGMENT_BYTES, memoryBytes = DEFAULT_MEMORY_BYTES } = request;
  const time = checkTime(request.time);
  const disks = request.disks.map((disk) => ({ ...disk, size: disk.source.size }));
  checkSegmentBytes(segmentBytes);
  checkDisks(disks, segmentBytes);
  if (!(memoryBytes > 0)) throw new InvalidBackup(`${memoryBytes} is not a number of bytes of memory`);
  const draft = { format: 1, workload, time } as const;
  // What a reader would refuse must not be written: the whole manifest is tried with stand-ins for what is still unknown.
  const tried = manifestSchema.safeParse({
    ...draft,
    disks: disks.map((disk) => standIn(disk, segmentBytes)),
  });
  if (!tried.success) throw new InvalidBackup(`the backup cannot be described: ${tried.error.message}`);
  return { request, segmentBytes, memoryBytes: Math.max(memoryBytes, LEAST_MEMORY_BYTES), disks, draft };
}

/** To the second, as it stands in the restore point's id. */
function checkTime(time: Date): string {
  const year = time.getUTCFullYear();
  // Also refuses the invalid date, whose year is NaN.
  if (!(year >= 1970 && year <= 9999))
    throw new InvalidBackup('the time of the backup is not a date from 1970 to 9999');
  return time.toISOString().replace(/\.\d+Z$/, 'Z');
}

function checkSegmentBytes(segmentBytes: number): void {
  if (Number.isSafeInteger(segmentBytes) && segmentBytes > 0 && segmentBytes % BLOCK_BYTES === 0) return;
  throw new InvalidBackup(
    `segments of ${segmentBytes} bytes: must be a whole number of blocks of ${BLOCK_BYTES}`,
  );
}

function checkDisks(disks: CheckedBackup['disks'], segmentBytes: number): void {
  if (disks.length === 0) throw new InvalidBackup('there is no disk to back up');
  const ids = new Set<DiskId>();
  for (const { id, size } of disks) {
    if (ids.has(id))
      throw new InvalidBackup(`disk "${id}" is there twice: every disk needs an id of its own`);
    ids.add(id);
    checkDiskSize({ id, size, segmentBytes });
  }
  const boot = disks.filter((disk) => disk.boot).map(({ id }) => id);
  if (boot.length === 1) return;
  const found = boot.length === 0 ? 'none is' : `${boot.join(' and ')} are`;
  throw new InvalidBackup(`exactly one disk must be the boot disk; ${found}`);
}

function checkDiskSize({ id, size, segmentBytes }: { id: DiskId; size: number; segmentBytes: number }): void {
  if (!Number.isSafeInteger(size) || size <= 0)
    throw new InvalidBackup(`disk "${id}" has a size of ${size} bytes`);
  if (size > DISK_MOST_BYTES) {
    throw new InvalidBackup(`disk "${id}" has ${size} bytes; the most is 64 TiB (${DISK_MOST_BYTES})`);
  }
  const segments = Math.ceil(size / segmentBytes);
  if (segments <= DISK_MOST_SEGMENTS) return;
  throw new InvalidBackup(
    `disk "${id}" would have ${segments} segments of ${segmentBytes} bytes; the most is ${DISK_MOST_SEGMENTS}: use larger segments`,
  );
}

function standIn(
  { id, size, boot, deviceName, volume }: CheckedBackup['disks'][number],
  segmentBytes: number,
) {
  const digest = '0'.repeat(64);
  return {
    ...{ id, size, boot, deviceName, volume, segmentBytes, order: 0, writtenBlocks: 0 },
    ...{ object: digest, diskDigest: digest, writtenDigest: digest },
  };
}
