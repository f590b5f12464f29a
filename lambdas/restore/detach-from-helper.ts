import { z } from 'zod';
import { readPlan, resourceOf } from '../runtime/ledger.ts';
import { firstPoll } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';
import { detachFromHelper } from './helper/detach.ts';
import { helperContextSchema } from './helper/planned.ts';
import { writtenVolume } from './volume/of-disks.ts';

const inputSchema = helperContextSchema.extend({ diskId: z.string() });

/** Detaches a written volume from the helper, which has flushed and closed it. */
export const handler = makeStep(inputSchema, async ({ diskId, instance: _, instanceId, ...context }) => {
  const volumeId = await resourceOf(context, writtenVolume(await readPlan(context), diskId));
  await detachFromHelper(volumeId, instanceId);
  return { volumeId, poll: firstPoll(5, 30) };
});
