import { AttachVolumeCommand } from '@aws-sdk/client-ec2';
import { z } from 'zod';
import { awsErrorCode } from '../runtime/aws-errors.ts';
import { ec2 } from '../runtime/ec2.ts';
import { makeOnce, plannedDisk, readPlan, resourceOf, restoreContextSchema } from '../runtime/ledger.ts';
import { firstPoll } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';

const inputSchema = restoreContextSchema.extend({ diskId: z.string() });

/**
 * Attaches a restored volume to the stopped target under its device name. AttachVolume takes no token: where the
 * volume is in use already, check-attachment tells whether by the right instance.
 */
export const handler = makeStep(inputSchema, async ({ diskId, ...context }) => {
  const plan = await readPlan(context);
  const { deviceName } = plannedDisk(plan, diskId);
  const volumeId = await resourceOf(context, { kind: 'volume', name: diskId });
  const instanceId = await resourceOf(context, { kind: 'instance', name: 'target' });
  await makeOnce({
    context,
    entry: { kind: 'attachment', name: diskId },
    diskId,
    step: 'attach-volume',
    create: async () => {
      try {
        await ec2.send(
          new AttachVolumeCommand({ VolumeId: volumeId, InstanceId: instanceId, Device: deviceName }),
        );
      } catch (error) {
        if (awsErrorCode(error) !== 'VolumeInUse') throw error;
      }
      return `${volumeId}:${instanceId}:${deviceName}`;
    },
  });
  return { volumeId, poll: firstPoll(5, 15) };
});
