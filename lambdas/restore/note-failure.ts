import { z } from 'zod';
import { noteFailure, stateErrorSchema } from '../runtime/failure.ts';
import { restoreContextSchema } from '../runtime/ledger.ts';
import { makeStep } from '../runtime/step.ts';

const inputSchema = restoreContextSchema.extend({
  diskId: z.string(),
  failure: stateErrorSchema,
});

/**
 * Keeps what went wrong with a disk. A distributed Map tells its parent only that too many children failed, not
 * why; the first reason that is noted here is what the restore fails with.
 */
export const handler = makeStep(inputSchema, async ({ diskId, failure, ...context }) => {
  await noteFailure(context, { error: failure.Error, cause: failure.Cause, diskId });
  return failure;
});
