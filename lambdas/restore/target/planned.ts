import type { Plan, PlannedOriginal, PlannedTarget } from '../../../core/model/plan.ts';
import { RecordInvalid } from '../../runtime/control-bucket.ts';
import { type RestoreContext, resourceOf } from '../../runtime/ledger.ts';

/** What the plan says of the instance that is made. @throws RecordInvalid when none is */
export function plannedTarget({ restoreId, target }: Plan): PlannedTarget {
  if (target.restoreTo === 'new') return target;
  throw new RecordInvalid(`restore ${restoreId} makes no instance: it restores to ${target.restoreTo}`);
}

/** What the plan says of the instance that was backed up. @throws RecordInvalid where it is left alone */
export function plannedOriginal({ restoreId, target }: Plan): PlannedOriginal {
  if (target.restoreTo === 'original') return target;
  throw new RecordInvalid(`restore ${restoreId} is none to the original: it restores to ${target.restoreTo}`);
}

/** The instance that gets the volumes: the original one, else the one that was made. @throws RecordInvalid when none was */
export const targetInstance = async (context: RestoreContext, { target }: Plan): Promise<string> =>
  target.restoreTo === 'original'
    ? target.instanceId
    : await resourceOf(context, { kind: 'instance', name: 'target' });
