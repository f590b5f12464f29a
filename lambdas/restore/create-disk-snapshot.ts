import { CreateSnapshotCommand } from '@aws-sdk/client-ec2';
import { z } from 'zod';
import { describeSnapshot } from '../runtime/describe.ts';
import { ec2Once } from '../runtime/ec2.ts';
import { entryFilters, makeOnce, readPlan, resourceOf, restoreContextSchema } from '../runtime/ledger.ts';
import { firstPoll } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';
import { writtenName } from './import-image/planned.ts';

const inputSchema = restoreContextSchema.extend({ diskId: z.string() });

/**
 * Snapshots a volume that the helper has written, for VM Import to make an image of. CreateSnapshot takes no token: an
 * earlier try's snapshot is found by its tags.
 */
export const handler = makeStep(inputSchema, async ({ diskId, ...context }) => {
  const plan = await readPlan(context);
  const name = writtenName(plan, diskId);
  const entry = { kind: 'snapshot', name } as const;
  const volumeId = await resourceOf(context, { kind: 'volume', name });
  const snapshotId = await makeOnce({
    context,
    entry,
    diskId,
    step: 'create-disk-snapshot',
    find: async () => (await describeSnapshot({ filters: entryFilters(context, entry) }))?.SnapshotId,
    create: async ({ tags }) => {
      const { SnapshotId } = await ec2Once.send(
        new CreateSnapshotCommand({
          VolumeId: volumeId,
          Description: `landfall restore ${plan.restoreId}, disk ${diskId}`,
          TagSpecifications: [{ ResourceType: 'snapshot', Tags: tags }],
        }),
      );
      return SnapshotId ?? '';
    },
  });
  return { snapshotId, name, poll: firstPoll(15, 300) };
});
