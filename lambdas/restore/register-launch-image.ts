import { RegisterImageCommand } from '@aws-sdk/client-ec2';
import type { LaunchImage } from '../../core/model/plan.ts';
import { describeImage } from '../runtime/describe.ts';
import { ec2Once } from '../runtime/ec2.ts';
import {
  clientToken,
  entryFilters,
  makeOnce,
  readPlan,
  resourceOf,
  restoreContextSchema,
} from '../runtime/ledger.ts';
import { firstPoll } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';
import { plannedTarget } from './target/planned.ts';

const entry = { kind: 'image', name: 'launch' } as const;

/** Registers the temporary launch image: the source's own attributes over an empty root. */
export const handler = makeStep(restoreContextSchema, async (context) => {
  const plan = await readPlan(context);
  const image = requireBlank(plannedTarget(plan).launchImage);
  const snapshotId = await resourceOf(context, { kind: 'snapshot', name: 'launch' });
  const imageId = await makeOnce({
    context,
    entry,
    step: 'register-launch-image',
    find: async () => (await describeImage({ filters: entryFilters(context, entry) }))?.ImageId,
    create: async ({ tags }) => {
      const { ImageId } = await ec2Once.send(
        new RegisterImageCommand({
          // Unique in account and region, 3 to 128 characters: a second try cannot make a second image.
          Name: `landfall-${clientToken(context, entry)}`,
          Description: `landfall restore ${plan.restoreId}: temporary, removed when the restore ends`,
          // Both default to values of EC2's first years (i386, paravirtual).
          Architecture: image.architecture,
          VirtualizationType: 'hvm',
          EnaSupport: image.enaSupport,
          ...(image.sriovNetSupport === undefined ? {} : { SriovNetSupport: image.sriovNetSupport }),
          ...(image.bootMode === undefined ? {} : { BootMode: image.bootMode }),
          ...(image.uefiData === undefined ? {} : { UefiData: image.uefiData }),
          ...(image.tpmSupport === undefined ? {} : { TpmSupport: image.tpmSupport as 'v2.0' }),
          RootDeviceName: image.rootDeviceName,
          BlockDeviceMappings: [
            {
              DeviceName: image.rootDeviceName,
              Ebs: { SnapshotId: snapshotId, VolumeType: 'gp3', DeleteOnTermination: true },
            },
          ],
          TagSpecifications: [{ ResourceType: 'image', Tags: tags }],
        }),
      );
      return ImageId ?? '';
    },
  });
  return { imageId, poll: firstPoll(5, 15) };
});

function requireBlank(image: LaunchImage): Extract<LaunchImage, { kind: 'blank' }> {
  if (image.kind !== 'blank')
    throw new TypeError(`the plan launches from an ${image.kind} image: nothing to register`);
  return image;
}
