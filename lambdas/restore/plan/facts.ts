import type { Manifest } from '../../../core/model/manifest.ts';
import type { LaunchImage, PlannedDisk } from '../../../core/model/plan.ts';
import type { RestoreRequest } from '../../../core/model/request.ts';
import type { Findings } from './findings.ts';

export type Workload = Manifest['workload'];

/** What the target is decided from. */
export interface TargetFacts {
  readonly workload: Workload;
  readonly request: RestoreRequest;
  readonly launchImage: LaunchImage | undefined;
  readonly disks: readonly PlannedDisk[];
  readonly findings: Findings;
}
