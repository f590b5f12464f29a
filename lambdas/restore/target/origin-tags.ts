import type { Plan } from '../../../core/model/plan.ts';
import { ORIGIN_TAG } from '../../../core/model/restore-record.ts';

/** Tags that tell of what is restored where it comes from; they stay for good. */
export const originTags = ({ target, restorePoint, startedAt }: Plan): Record<string, string> => ({
  [ORIGIN_TAG.sourceName]: target.sourceName,
  [ORIGIN_TAG.restorePoint]: restorePoint,
  [ORIGIN_TAG.restoreStarted]: startedAt,
});
