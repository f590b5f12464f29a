import { CreateVolumeCommand } from '@aws-sdk/client-ec2';
import { z } from 'zod';
import { ec2 } from '../runtime/ec2.ts';
import { makeOnce, plannedDisk, readPlan, resourceOf, restoreContextSchema } from '../runtime/ledger.ts';
import { firstPoll } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';
import { volumeSettings } from './volume/settings.ts';

const inputSchema = restoreContextSchema.extend({ diskId: z.string() });

/** Creates a disk's volume from its snapshot, in the target's zone. */
export const handler = makeStep(inputSchema, async ({ diskId, ...context }) => {
  const plan = await readPlan(context);
  const snapshotId = await resourceOf(context, { kind: 'snapshot', name: diskId });
  const volumeId = await makeOnce({
    context,
    entry: { kind: 'volume', name: diskId },
    diskId,
    step: 'create-volume',
    create: async (identity) => {
      const settings = volumeSettings(plan, plannedDisk(plan, diskId), identity);
      const { VolumeId } = await ec2.send(new CreateVolumeCommand({ ...settings, SnapshotId: snapshotId }));
      return VolumeId ?? '';
    },
  });
  return { volumeId, poll: firstPoll(5, 30) };
});
