import { DetachVolumeCommand } from '@aws-sdk/client-ec2';
import { z } from 'zod';
import { awsErrorCode } from '../runtime/aws-errors.ts';
import { RecordInvalid } from '../runtime/control-bucket.ts';
import { ec2 } from '../runtime/ec2.ts';
import { makeOnce, markReady, readPlan, restoreContextSchema } from '../runtime/ledger.ts';
import { firstPoll } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';
import { plannedOriginal } from './target/planned.ts';

const inputSchema = restoreContextSchema.extend({ diskId: z.string() });

/** Takes the volume that a disk is now from the stopped original instance. How to put it back is in the plan. */
export const handler = makeStep(inputSchema, async ({ diskId, ...context }) => {
  const { instanceId, replaced } = plannedOriginal(await readPlan(context));
  const volume = replaced.find((each) => each.diskId === diskId);
  if (!volume) throw new RecordInvalid(`restore ${context.restoreId} replaces no volume of disk ${diskId}`);
  const { volumeId, deviceName } = volume;
  // The instance was seen stopped before.
  await markReady(context, { kind: 'stop', name: 'target' });
  await makeOnce({
    context,
    entry: { kind: 'detachment', name: diskId },
    diskId,
    step: 'detach-original-volume',
    create: async () => {
      await detach({ volumeId, instanceId, deviceName });
      return volumeId;
    },
  });
  return { volumeId, poll: firstPoll(5, 15) };
});

async function detach(which: { volumeId: string; instanceId: string; deviceName: string }): Promise<void> {
  const { volumeId: VolumeId, instanceId: InstanceId, deviceName: Device } = which;
  try {
    await ec2.send(new DetachVolumeCommand({ VolumeId, InstanceId, Device }));
  } catch (error) {
    // An earlier try detached it already: EC2 says so in one of these two ways.
    const code = awsErrorCode(error);
    if (code !== 'IncorrectState' && code !== 'InvalidAttachment.NotFound') throw error;
  }
}
