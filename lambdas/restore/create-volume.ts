import { z } from 'zod';
import { makeOnce, plannedDisk, readPlan, resourceOf, restoreContextSchema } from '../runtime/ledger.ts';
import { firstPoll } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';
import { createFromSnapshot } from './volume/from-snapshot.ts';
import { volumeSettings } from './volume/settings.ts';

const inputSchema = restoreContextSchema.extend({ diskId: z.string() });

/** Creates a disk's volume from its snapshot, in the target's zone. */
export const handler = makeStep(inputSchema, async ({ diskId, ...context }) => {
  const plan = await readPlan(context);
  const disk = plannedDisk(plan, diskId);
  const entry = { kind: 'volume', name: diskId } as const;
  const snapshotId = await resourceOf(context, { kind: 'snapshot', name: diskId });
  const volumeId = await makeOnce({
    context,
    entry,
    diskId,
    step: 'create-volume',
    create: (identity) =>
      createFromSnapshot(
        { ...volumeSettings(plan, disk, identity), SnapshotId: snapshotId },
        { context, entry, initializationRate: disk.initializationRate },
      ),
  });
  return { volumeId, poll: firstPoll(5, 30) };
});
