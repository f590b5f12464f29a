import type { RestorePointId, WorkloadName } from '../model/ids.ts';
import type { Manifest } from '../model/manifest.ts';
import type { Repository } from './repository.ts';

export interface RestorePointEntry {
  readonly id: RestorePointId;
  readonly workload: WorkloadName;
  /** To the second. */
  readonly time: Date;
}

/** All restore points, or a workload's, by ascending time; reads key names only. */
export async function* listRestorePoints(
  _repository: Repository,
  _options: { workload?: WorkloadName; signal?: AbortSignal } = {},
): AsyncGenerator<RestorePointEntry> {
  throw new Error('not built yet');
}

/** `at: Date` is the latest one not after that moment. @throws RestorePointNotFound, which says what there is */
export async function findRestorePoint(
  _repository: Repository,
  _wanted: { id: RestorePointId } | { workload: WorkloadName; at: 'latest' | Date },
): Promise<RestorePointId> {
  throw new Error('not built yet');
}

/** The manifest, checked against the id. @throws RestorePointNotFound, CorruptObject, UnsupportedRepository */
export async function readManifest(_repository: Repository, _id: RestorePointId): Promise<Manifest> {
  throw new Error('not built yet');
}
