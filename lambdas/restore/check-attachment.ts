import { z } from 'zod';
import { describeVolume } from '../runtime/describe.ts';
import { markReady, plannedDisk, readPlan, restoreContextSchema } from '../runtime/ledger.ts';
import { nextPoll, pollSchema, unseen } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';
import { requireAttachedAs } from './attach/attachment.ts';
import { targetInstance } from './target/planned.ts';

const inputSchema = restoreContextSchema.extend({
  diskId: z.string(),
  volumeId: z.string().min(1),
  poll: pollSchema,
});

/** Looks at a volume's attachment: the volume's own state says `in-use` long before that is true. */
export const handler = makeStep(inputSchema, async ({ diskId, volumeId, poll, ...context }) => {
  const plan = await readPlan(context);
  const { deviceName } = plannedDisk(plan, diskId);
  const instanceId = await targetInstance(context, plan);
  const attachment = (await describeVolume({ id: volumeId }))?.Attachments?.[0];
  const status = attachment?.State ?? unseen(poll);
  requireAttachedAs(attachment, { diskId, volumeId, instanceId, deviceName });
  if (status === 'attached') await markReady(context, { kind: 'attachment', name: diskId });
  const message = `volume ${volumeId} of disk ${diskId} is ${status} at ${instanceId} ${deviceName}`;
  return { status, message, volumeId, poll: nextPoll(poll) };
});
