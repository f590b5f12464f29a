import { DetachVolumeCommand } from '@aws-sdk/client-ec2';
import { z } from 'zod';
import { awsErrorCode } from '../runtime/aws-errors.ts';
import { ec2 } from '../runtime/ec2.ts';
import { readPlan, resourceOf } from '../runtime/ledger.ts';
import { firstPoll } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';
import { helperContextSchema } from './helper/planned.ts';
import { writtenVolume } from './volume/of-disks.ts';

const inputSchema = helperContextSchema.extend({ diskId: z.string() });

// EC2's ways of saying that it is detached already, by an earlier try or with the end of the helper.
const DETACHED = new Set(['IncorrectState', 'InvalidAttachment.NotFound', 'InvalidInstanceID.NotFound']);

/**
 * Detaches a written volume from the helper, which has flushed and closed it. Never by force: what the helper's
 * kernel may still hold would be lost.
 */
export const handler = makeStep(inputSchema, async ({ diskId, instance: _, instanceId, ...context }) => {
  const volumeId = await resourceOf(context, writtenVolume(await readPlan(context), diskId));
  try {
    await ec2.send(new DetachVolumeCommand({ VolumeId: volumeId, InstanceId: instanceId }));
  } catch (error) {
    if (!DETACHED.has(awsErrorCode(error) ?? '')) throw error;
  }
  return { volumeId, poll: firstPoll(5, 30) };
});
