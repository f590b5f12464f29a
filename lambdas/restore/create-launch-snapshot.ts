import { CreateSnapshotCommand } from '@aws-sdk/client-ec2';
import { describeSnapshot } from '../runtime/describe.ts';
import { ec2Once } from '../runtime/ec2.ts';
import { entryFilters, makeOnce, readPlan, resourceOf, restoreContextSchema } from '../runtime/ledger.ts';
import { firstPoll } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';

const entry = { kind: 'snapshot', name: 'launch' } as const;

/** Snapshots the empty launch volume. CreateSnapshot takes no token: an earlier try's snapshot is found by its tags. */
export const handler = makeStep(restoreContextSchema, async (context) => {
  const plan = await readPlan(context);
  const volumeId = await resourceOf(context, { kind: 'volume', name: 'launch' });
  const snapshotId = await makeOnce({
    context,
    entry,
    step: 'create-launch-snapshot',
    find: async () => (await describeSnapshot({ filters: entryFilters(context, entry) }))?.SnapshotId,
    create: async ({ tags }) => {
      const { SnapshotId } = await ec2Once.send(
        new CreateSnapshotCommand({
          VolumeId: volumeId,
          Description: `landfall restore ${plan.restoreId}: empty root of the launch image`,
          TagSpecifications: [{ ResourceType: 'snapshot', Tags: tags }],
        }),
      );
      return SnapshotId ?? '';
    },
  });
  return { snapshotId, poll: firstPoll(10, 30) };
});
