import { z } from 'zod';
import { makeOnce, plannedDisk, readPlan, resourceOf, restoreContextSchema } from '../runtime/ledger.ts';
import { firstPoll } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';
import { attach } from './attach/attachment.ts';
import { targetInstance } from './target/planned.ts';

const inputSchema = restoreContextSchema.extend({ diskId: z.string() });

/** Attaches a restored volume to the stopped instance under its device name. */
export const handler = makeStep(inputSchema, async ({ diskId, ...context }) => {
  const plan = await readPlan(context);
  const { deviceName } = plannedDisk(plan, diskId);
  const volumeId = await resourceOf(context, { kind: 'volume', name: diskId });
  const instanceId = await targetInstance(context, plan);
  await makeOnce({
    context,
    entry: { kind: 'attachment', name: diskId },
    diskId,
    step: 'attach-volume',
    create: () => attach({ volumeId, instanceId, deviceName }),
  });
  return { volumeId, poll: firstPoll(5, 15) };
});
