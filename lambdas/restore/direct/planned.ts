import type { Plan, PlannedDisk, PlannedStrategy } from '../../../core/model/plan.ts';
import { RecordInvalid } from '../../runtime/control-bucket.ts';
import { plannedDisk } from '../../runtime/ledger.ts';

export type PlannedDirect = Extract<PlannedStrategy, { name: 'direct' }>;
export type DirectDisk = PlannedDisk & NonNullable<PlannedDisk['direct']>;

/** What the plan says of strategy direct. @throws RecordInvalid when the restore goes another way */
export function plannedDirect({ restoreId, strategy }: Plan): PlannedDirect {
  if (strategy.name === 'direct') return strategy;
  throw new RecordInvalid(`restore ${restoreId} writes no snapshots: its strategy is ${strategy.name}`);
}

/** A disk of the plan, and how it is written. @throws RecordInvalid when it is not */
export function directDisk(plan: Plan, diskId: string): DirectDisk {
  const disk = plannedDisk(plan, diskId);
  if (!disk.direct)
    throw new RecordInvalid(`the plan of restore ${plan.restoreId} writes no snapshot of disk ${diskId}`);
  return { ...disk, ...disk.direct };
}
