import { z } from 'zod';
import { makeOnce, readPlan, resourceOf } from '../runtime/ledger.ts';
import { firstPoll } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';
import { attach } from './attach/attachment.ts';
import { attachmentName, helperContextSchema, helperDeviceName } from './helper/planned.ts';
import { writtenVolume } from './volume/of-disks.ts';

const inputSchema = helperContextSchema.extend({ diskId: z.string() });

/** Hot-adds an empty volume to the running helper, under a name of the helper's own: it knows volumes by their serials. */
export const handler = makeStep(inputSchema, async ({ diskId, instance, instanceId, ...context }) => {
  const plan = await readPlan(context);
  const deviceName = helperDeviceName(plan, diskId);
  const volumeId = await resourceOf(context, writtenVolume(plan, diskId));
  await makeOnce({
    context,
    entry: { kind: 'attachment', name: attachmentName(instance, diskId) },
    diskId,
    step: 'attach-to-helper',
    create: () => attach({ volumeId, instanceId, deviceName }),
  });
  return { volumeId, poll: firstPoll(5, 30) };
});
