import { CreateVolumeCommand } from '@aws-sdk/client-ec2';
import { ec2 } from '../runtime/ec2.ts';
import { makeOnce, readPlan, restoreContextSchema } from '../runtime/ledger.ts';
import { firstPoll } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';

/** Creates the empty one-GiB volume whose snapshot the launch image is registered from. */
export const handler = makeStep(restoreContextSchema, async (context) => {
  const plan = await readPlan(context);
  const volumeId = await makeOnce({
    context,
    entry: { kind: 'volume', name: 'launch' },
    step: 'create-launch-volume',
    create: async ({ clientToken, tags }) => {
      const { VolumeId } = await ec2.send(
        new CreateVolumeCommand({
          ClientToken: clientToken,
          AvailabilityZone: plan.target.availabilityZone,
          Size: 1,
          VolumeType: 'gp3',
          TagSpecifications: [{ ResourceType: 'volume', Tags: tags }],
        }),
      );
      return VolumeId ?? '';
    },
  });
  return { volumeId, poll: firstPoll(5, 15) };
});
