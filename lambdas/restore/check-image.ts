import { z } from 'zod';
import { describeImage } from '../runtime/describe.ts';
import { markReady, restoreContextSchema } from '../runtime/ledger.ts';
import { nextPoll, pollSchema, unseen, withReason } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';

const inputSchema = restoreContextSchema.extend({ imageId: z.string().min(1), poll: pollSchema });

/** Looks at the launch image's state. */
export const handler = makeStep(inputSchema, async ({ imageId, poll, ...context }) => {
  const found = await describeImage({ id: imageId });
  const status = found?.State ?? unseen(poll);
  if (status === 'available') await markReady(context, { kind: 'image', name: 'launch' });
  const message = withReason(`launch image ${imageId} is ${status}`, found?.StateReason?.Message);
  return { status, message, imageId, poll: nextPoll(poll) };
});
