import { z } from 'zod';
import { describeInstance } from '../runtime/describe.ts';
import { makeOnce, readPlan, resourceOf } from '../runtime/ledger.ts';
import { firstPoll } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';
import { attach } from './attach/attachment.ts';
import { attachmentName, hasEnded, helperContextSchema, helperDeviceName } from './helper/planned.ts';
import { writtenVolume } from './volume/of-disks.ts';

const inputSchema = helperContextSchema.extend({ diskId: z.string() });

/** Hot-adds an empty volume to the running helper, under a name of the helper's own: it knows volumes by their serials. */
export const handler = makeStep(inputSchema, async ({ diskId, instance, instanceId, ...context }) => {
  const plan = await readPlan(context);
  const deviceName = helperDeviceName(plan, diskId);
  const volumeId = await resourceOf(context, writtenVolume(plan, diskId));
  try {
    await makeOnce({
      context,
      entry: { kind: 'attachment', name: attachmentName(instance, diskId) },
      diskId,
      step: 'attach-to-helper',
      create: () => attach({ volumeId, instanceId, deviceName }),
    });
  } catch (error) {
    // The loop behind this finds the helper gone, and it is replaced.
    if (!hasEnded((await describeInstance({ id: instanceId }))?.State?.Name)) throw error;
  }
  return { volumeId, poll: firstPoll(5, 30) };
});
