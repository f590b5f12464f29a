import type { DiskId, RestorePointId, WorkloadName } from '../model/ids.ts';
import type { Repository } from './repository.ts';

/** Something missing or damaged. */
export interface Finding {
  /** Key of the object. */
  readonly object: string;
  /** What is wrong with it, to be read after its key. */
  readonly problem: string;
  readonly restorePoint?: RestorePointId;
  readonly workload?: WorkloadName;
  readonly diskId?: DiskId;
  /** The first affected byte of the disk. */
  readonly offset?: number;
  /** How many of the disk's blocks are affected. */
  readonly blocks?: number;
}

export interface VerifyProgress {
  readonly objects: number;
  readonly bytes: number;
  /** Bytes that there are to read, as far as is known. */
  readonly totalBytes: number;
}

export interface VerifyOptions {
  /** Only what this restore point needs; otherwise every object. */
  readonly restorePoint?: RestorePointId;
  /** Whether to read packs whole (default) or only their tables. */
  readonly readData?: boolean;
  readonly onProgress?: (progress: VerifyProgress) => void;
  readonly signal?: AbortSignal;
}

export interface VerifyResult {
  readonly objects: number;
  readonly bytes: number;
  readonly findings: readonly Finding[];
}

/**
 * Checks a repository: every object against its digest, every reference, every digest of a disk. Well-formed objects that nothing
 * refers to are no finding: a killed writer leaves them.
 * @throws RestorePointNotFound, StoreFailed; damage is answered, not thrown
 */
export async function verify(_repository: Repository, _options: VerifyOptions = {}): Promise<VerifyResult> {
  throw new Error('not built yet');
}
