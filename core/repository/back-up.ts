import type { DiskId, RestorePointId } from '../model/ids.ts';
import type { Manifest, SourceVolume, Workload } from '../model/manifest.ts';
import type { Repository } from './repository.ts';
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
  /** What the engine may hold in buffers; default 192 MiB, at least 64 MiB is used. */
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

export interface BackupStats {
  readonly sizeBytes: number;
  /** Bytes of all non-zero blocks. */
  readonly dataBytes: number;
  /** Compressed bytes that were new. */
  readonly storedBytes: number;
  readonly reusedBytes: number;
  readonly packsWritten: number;
  readonly segmentsWritten: number;
  /** Keys of objects found missing or damaged while looking for something to reuse; what they held was stored anew. */
  readonly damaged: readonly string[];
}

export interface BackupResult {
  readonly restorePoint: RestorePointId;
  readonly manifest: Manifest;
  readonly stats: BackupStats;
}

/**
 * Stores the disks as one restore point. Run again with the same content, time and parent it makes the same restore point.
 * @throws InvalidBackup before anything is created; SourceReadShort, SourceSizeChanged, SourceHintWrong, RepositoryBusy, LeaseLost,
 *   RestorePointNotFound (the parent), StoreFailed; what it stored until then is unreferenced and harms nothing
 */
export async function backUp(_repository: Repository, _request: BackupRequest): Promise<BackupResult> {
  throw new Error('not built yet');
}
