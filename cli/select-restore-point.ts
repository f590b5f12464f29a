import {
  parseRestorePointId,
  parseWorkloadName,
  type RestorePointId,
  type WorkloadName,
} from '../core/model/ids.ts';
import { findRestorePoint, listRestorePoints, type Repository } from '../core/repository/index.ts';
import { BadRequest } from './errors.ts';

/** The flags that name a restore point. */
export interface PointFlags {
  /** An id, or `latest`. */
  readonly point?: string;
  readonly workload?: string;
  readonly at?: Date;
}

/** What the flags ask for: an id, a machine and a moment, or the latest of whatever single machine there is. */
export type PointChoice =
  | { readonly kind: 'id'; readonly id: RestorePointId }
  | { readonly kind: 'workload'; readonly workload: WorkloadName; readonly at: 'latest' | Date }
  | { readonly kind: 'only' };

/** @throws BadRequest for flags that contradict each other, InvalidId */
export function parsePointFlags({ point, workload, at }: PointFlags): PointChoice {
  if (point !== undefined && point !== 'latest') {
    if (workload === undefined && at === undefined) return { kind: 'id', id: parseRestorePointId(point) };
    throw new BadRequest(
      '--point with an id says which restore point it is; --workload and --at say another',
      'Give either --point ID, or --workload NAME with or without --at TIME.',
    );
  }
  if (point === 'latest' && at !== undefined) {
    throw new BadRequest('--point latest and --at contradict each other', 'Leave one of them out.');
  }
  if (workload !== undefined) {
    return { kind: 'workload', workload: parseWorkloadName(workload), at: at ?? 'latest' };
  }
  if (at === undefined) return { kind: 'only' };
  throw new BadRequest('--at needs --workload', 'Say whose restore point: --workload NAME.');
}

/** @throws RestorePointNotFound; BadRequest where the flags name no machine and there are several */
export async function resolvePoint(repository: Repository, choice: PointChoice): Promise<RestorePointId> {
  if (choice.kind !== 'only') return await findRestorePoint(repository, choice);
  return await findRestorePoint(repository, { workload: await onlyWorkload(repository), at: 'latest' });
}

/** The machine of a repository that holds one only. @throws BadRequest */
export async function onlyWorkload(repository: Repository): Promise<WorkloadName> {
  const names = new Set<WorkloadName>();
  for await (const { workload } of listRestorePoints(repository)) names.add(workload);
  const [name, ...others] = [...names].sort();
  if (name === undefined) {
    throw new BadRequest(
      `there is no restore point in ${repository.url}`,
      'Make one with "landfall backup".',
    );
  }
  if (others.length === 0) return name;
  throw new BadRequest(
    `${repository.url} holds restore points of several machines: ${[name, ...others].join(', ')}`,
    'Say which one with --workload NAME, or name a restore point with --point ID ("landfall points").',
  );
}
