import { LandfallError } from '../../../core/model/errors.ts';
import type { Manifest } from '../../../core/model/manifest.ts';
import { type RestoreRequest, shown } from '../../../core/model/request.ts';
import {
  findRestorePoint,
  type Repository,
  RestorePointNotFound,
  readManifest,
} from '../../../core/repository/index.ts';
import { openRepositoryAt } from '../../runtime/repository.ts';
import type { Findings } from './findings.ts';

export interface Located {
  readonly id: string;
  readonly manifest: Manifest;
}

/** Finds the restore point and reads its manifest; undefined when the findings say why that is not possible. */
export async function locateRestorePoint(
  request: RestoreRequest,
  { repositoryUrl, findings }: { repositoryUrl: string; findings: Findings },
): Promise<Located | undefined> {
  let repository: Repository | undefined;
  try {
    repository = await openRepositoryAt(repositoryUrl);
    const id = await findRestorePoint(repository, selectorOf(request));
    return { id, manifest: await readManifest(repository, id) };
  } catch (error) {
    const isAboutRequest = !repository || error instanceof RestorePointNotFound;
    if (!isAboutRequest || !(error instanceof LandfallError) || error.retryable) throw error;
    findings.error(
      repository ? 'restorePoint' : 'repository',
      repository ? shown(request.restorePoint) : repositoryUrl,
      error.message,
      repository ? 'List what there is with "landfall points"' : 'Give the repository’s s3:// URL',
    );
    return undefined;
  }
}

function selectorOf({ restorePoint }: RestoreRequest): Parameters<typeof findRestorePoint>[1] {
  if (typeof restorePoint === 'string') return { id: restorePoint };
  const { workload, at } = restorePoint;
  return { workload, at: at === 'latest' ? 'latest' : new Date(at) };
}
