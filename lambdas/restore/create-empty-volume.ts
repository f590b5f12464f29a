import { CreateVolumeCommand } from '@aws-sdk/client-ec2';
import { z } from 'zod';
import { ec2 } from '../runtime/ec2.ts';
import { makeOnce, plannedDisk, readPlan, restoreContextSchema } from '../runtime/ledger.ts';
import { firstPoll } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';
import { writtenVolume } from './volume/of-disks.ts';
import { volumeSettings } from './volume/settings.ts';

const inputSchema = restoreContextSchema.extend({ diskId: z.string() });

/**
 * Creates a disk's volume, empty, in the target's zone: it is the result's own volume from the start, and full speed
 * is there at once; but for a disk that VM Import makes an image of, together with others. A second helper gets the
 * volume that the first one began.
 */
export const handler = makeStep(inputSchema, async ({ diskId, ...context }) => {
  const plan = await readPlan(context);
  const volumeId = await makeOnce({
    context,
    entry: writtenVolume(plan, diskId),
    diskId,
    step: 'create-empty-volume',
    create: async (identity) => {
      const settings = volumeSettings(plan, plannedDisk(plan, diskId), identity);
      return (await ec2.send(new CreateVolumeCommand(settings))).VolumeId ?? '';
    },
  });
  return { volumeId, poll: firstPoll(5, 30) };
});
