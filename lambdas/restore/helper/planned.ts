import { z } from 'zod';
import { helperFolder } from '../../../core/model/helper.ts';
import type { Plan, PlannedStrategy } from '../../../core/model/plan.ts';
import { RecordInvalid } from '../../runtime/control-bucket.ts';
import { restoreContextSchema } from '../../runtime/ledger.ts';
import { freeDeviceNames } from '../plan/disks.ts';

export type PlannedHelper = Extract<PlannedStrategy, { name: 'helper' }>;

/** What the plan says of strategy helper. @throws RecordInvalid when the restore goes another way */
export function plannedHelper({ restoreId, strategy }: Plan): PlannedHelper {
  if (strategy.name === 'helper') return strategy;
  throw new RecordInvalid(`restore ${restoreId} has no helper: its strategy is ${strategy.name}`);
}

/** Ledger name of a helper appliance: the first is of generation 1, the one that replaces it of generation 2. */
export const helperName = (generation: number): string => `helper-${generation}`;

/** The helper's folder in the control bucket. */
export const folderOf = (plan: Plan, instanceId: string): string =>
  helperFolder(plannedHelper(plan).roleId, instanceId);

/** Which helper a step works with, besides which restore it works for. */
export const helperContextSchema = restoreContextSchema.extend({
  /** Its ledger name. */
  instance: z.string().min(1),
  instanceId: z.string().min(1),
});

const ENDED = new Set<string | undefined>(['stopping', 'stopped', 'shutting-down', 'terminated']);

/** Whether an instance in this state, or with none because EC2 does not know it, is not to come back as a helper. */
export const hasEnded = (state: string | undefined): boolean => state === undefined || ENDED.has(state);

/** Ledger name of a disk's attachment to a helper. */
export const attachmentName = (instance: string, diskId: string): string => `${instance}.${diskId}`;

/**
 * What a disk is called at the helper: the same at every try, free beside the helper's own root, and without a meaning,
 * because the restored names are the target's.
 * @throws RecordInvalid when the plan has no such disk, or more disks than there are names
 */
export function helperDeviceName(plan: Plan, diskId: string): string {
  const index = plan.disks.findIndex(({ id }) => id === diskId);
  const name = [...freeDeviceNames(false)][index];
  if (name !== undefined) return name;
  throw new RecordInvalid(`restore ${plan.restoreId} has no device name for disk ${diskId} at the helper`);
}
