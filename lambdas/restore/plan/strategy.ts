import type { PlannedDisk, PlannedStrategy, PlannedTarget } from '../../../core/model/plan.ts';
import type { RestoreRequest } from '../../../core/model/request.ts';
import type { Findings } from './findings.ts';
import { planUploadStrategy, planUploads } from './upload.ts';

export interface StrategyFacts {
  readonly request: RestoreRequest;
  readonly disks: readonly PlannedDisk[];
  /** Undefined where the findings say why there is none. */
  readonly target: PlannedTarget | undefined;
  readonly findings: Findings;
}

export interface StrategyPlan {
  readonly disks: PlannedDisk[];
  /** Some names are an attempt's own, which is known once the restore is claimed. */
  readonly strategy: (claimed: { restoreId: string; attempt: number }) => PlannedStrategy;
}

/** Decides how the disks become volumes. */
export async function planStrategy({ request, disks, findings }: StrategyFacts): Promise<StrategyPlan> {
  const uploaded = planUploads(disks, request, findings);
  const reason =
    request.strategy === 'auto' ? 'the only strategy this version has' : 'the request asks for it';
  return {
    disks: uploaded,
    strategy: (claimed) => planUploadStrategy(uploaded, { ...claimed, reason }),
  };
}
