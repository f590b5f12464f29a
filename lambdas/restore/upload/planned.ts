import type { Plan, PlannedDisk, PlannedStrategy } from '../../../core/model/plan.ts';
import { RecordInvalid } from '../../runtime/control-bucket.ts';
import { plannedDisk } from '../../runtime/ledger.ts';

export type PlannedUpload = Extract<PlannedStrategy, { name: 'upload' }>;
export type UploadedDisk = PlannedDisk & NonNullable<PlannedDisk['upload']>;

/** What the plan says of strategy upload. @throws RecordInvalid when the restore goes another way */
export function plannedUpload({ restoreId, strategy }: Plan): PlannedUpload {
  if (strategy.name === 'upload') return strategy;
  throw new RecordInvalid(`restore ${restoreId} uploads nothing: its strategy is ${strategy.name}`);
}

/** A disk of the plan, and how it is uploaded. @throws RecordInvalid when it is not */
export function uploadedDisk(plan: Plan, diskId: string): UploadedDisk {
  const disk = plannedDisk(plan, diskId);
  if (!disk.upload)
    throw new RecordInvalid(`the plan of restore ${plan.restoreId} uploads no disk ${diskId}`);
  return { ...disk, ...disk.upload };
}
