import { DescribeInstancesCommand, type Instance } from '@aws-sdk/client-ec2';
import { z } from 'zod';
import { awsErrorCode } from '../runtime/aws-errors.ts';
import { ec2 } from '../runtime/ec2.ts';
import { markReady, restoreContextSchema } from '../runtime/ledger.ts';
import { nextPoll, pollSchema, unseen } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';

const inputSchema = restoreContextSchema.extend({ instanceId: z.string().min(1), poll: pollSchema });

/** Looks at the target's state. */
export const handler = makeStep(inputSchema, async ({ instanceId, poll, ...context }) => {
  const instance = await describeInstance(instanceId);
  const status = instance?.State?.Name ?? unseen(poll);
  // The target is made to be stopped; running comes before that, and after hand-over.
  if (status === 'stopped') await markReady(context, { kind: 'instance', name: 'target' });
  const reason = instance?.StateReason?.Message;
  const message = `target ${instanceId} is ${status}${reason === undefined ? '' : `: ${reason}`}`;
  return { status, message, instanceId, poll: nextPoll(poll) };
});

async function describeInstance(instanceId: string): Promise<Instance | undefined> {
  try {
    const { Reservations = [] } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }));
    return Reservations[0]?.Instances?.[0];
  } catch (error) {
    // Right after RunInstances the new id may not be known everywhere (EC2 API guide, eventual consistency).
    if (awsErrorCode(error) === 'InvalidInstanceID.NotFound') return undefined;
    throw error;
  }
}
