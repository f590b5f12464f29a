import { DescribeImagesCommand } from '@aws-sdk/client-ec2';
import { z } from 'zod';
import { awsErrorCode } from '../runtime/aws-errors.ts';
import { ec2 } from '../runtime/ec2.ts';
import { markReady, restoreContextSchema } from '../runtime/ledger.ts';
import { nextPoll, pollSchema, unseen } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';

const inputSchema = restoreContextSchema.extend({ imageId: z.string().min(1), poll: pollSchema });

/** Looks at the launch image's state. */
export const handler = makeStep(inputSchema, async ({ imageId, poll, ...context }) => {
  const { status = unseen(poll), detail } = await imageState(imageId);
  if (status === 'available') await markReady(context, { kind: 'image', name: 'launch' });
  const message = `launch image ${imageId} is ${status}${detail === '' ? '' : `: ${detail}`}`;
  return { status, message, imageId, poll: nextPoll(poll) };
});

async function imageState(imageId: string): Promise<{ status?: string; detail: string }> {
  try {
    const { Images = [] } = await ec2.send(new DescribeImagesCommand({ ImageIds: [imageId] }));
    return { status: Images[0]?.State, detail: Images[0]?.StateReason?.Message ?? '' };
  } catch (error) {
    if (awsErrorCode(error)?.startsWith('InvalidAMIID.')) return { detail: '' };
    throw error;
  }
}
