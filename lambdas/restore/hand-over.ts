import { claimHandOver } from '../runtime/claim.ts';
import { finishHandOver } from '../runtime/hand-over.ts';
import { restoreContextSchema } from '../runtime/ledger.ts';
import { makeStep } from '../runtime/step.ts';

/**
 * Turns target and volumes from temporary things into the result: from here on nothing of them is ever undone. One
 * conditional write to the claim decides it; ledger and tags follow, and clean-up finishes them where this is cut off.
 */
export const handler = makeStep(restoreContextSchema, async (context) => {
  await claimHandOver(context);
  return { resourceIds: await finishHandOver(context) };
});
