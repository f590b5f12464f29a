import { z } from 'zod';
import { claimKey, claimSchema } from '../../core/model/restore-record.ts';
import { moveClaim } from '../runtime/claim.ts';
import { readRecord } from '../runtime/control-bucket.ts';
import { endingSchema, failureOf, noteFailure } from '../runtime/failure.ts';
import { finishHandOver } from '../runtime/hand-over.ts';
import { firstPoll } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';

/**
 * Closes the restore to further making, so that a step that is still under way makes nothing more behind
 * clean-up's back. An execution that never claimed a restore has nothing to clean up.
 */
export const handler = makeStep(endingSchema, async (ending) => {
  const { executionArn, executionName, request } = ending;
  const failure = failureOf(ending);
  const restoreId = restoreIdOf(request) ?? executionName;
  const stored = await readRecord(claimKey(restoreId), claimSchema);
  if (!stored || stored.value.executionArn !== executionArn) {
    return { restoreId, attempt: 0, work: 'none' as const, poll: firstPoll(5, 30) };
  }
  const { attempt, onFailure, state } = stored.value;
  if (failure) await noteFailure({ restoreId, attempt }, { error: failure.Error, cause: failure.Cause });
  if (state === 'closed') return { restoreId, attempt, work: 'none' as const, poll: firstPoll(5, 30) };
  const { handedOverAt } = await moveClaim(restoreId, attempt, 'closing');
  if (handedOverAt !== undefined) await finishHandOver({ restoreId, attempt });
  const keep = failure !== undefined && onFailure === 'keep' && handedOverAt === undefined;
  return { restoreId, attempt, work: keep ? ('keep' as const) : ('remove' as const), poll: firstPoll(5, 30) };
});

const requestSchema = z.object({ restoreId: z.string().optional() });

function restoreIdOf(request: unknown): string | undefined {
  const parsed = requestSchema.safeParse(typeof request === 'string' ? parseJson(request) : request);
  return parsed.success ? parsed.data.restoreId : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
