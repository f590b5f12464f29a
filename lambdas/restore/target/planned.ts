import type { Plan, PlannedTarget } from '../../../core/model/plan.ts';
import { RecordInvalid } from '../../runtime/control-bucket.ts';

/** What the plan says of the instance that is made. @throws RecordInvalid when none is */
export function plannedTarget({ restoreId, target }: Plan): PlannedTarget {
  if (target.restoreTo === 'new') return target;
  throw new RecordInvalid(`restore ${restoreId} makes no instance: it restores to ${target.restoreTo}`);
}
