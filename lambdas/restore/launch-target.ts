import type { Image, RunInstancesCommandInput } from '@aws-sdk/client-ec2';
import type { Plan, PlannedTarget } from '../../core/model/plan.ts';
import { IMPORTED } from '../../core/model/restore-record.ts';
import { NotVisible } from '../runtime/aws-errors.ts';
import { describeImage, describeInstance } from '../runtime/describe.ts';
import {
  entryFilters,
  makeOnce,
  type RestoreContext,
  readPlan,
  resourceOf,
  restoreContextSchema,
  type Tag,
  temporaryTags,
} from '../runtime/ledger.ts';
import { firstPoll } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';
import { launchFirst } from './launch/first-type.ts';
import { originTags } from './target/origin-tags.ts';
import { plannedTarget } from './target/planned.ts';

const entry = { kind: 'instance', name: 'target' } as const;

/**
 * Launches the target from its launch image: isolated, without user data and instance profile, with no device of
 * the image but its root. It is stopped and gets the restored disks before anything of them ever runs.
 */
export const handler = makeStep(restoreContextSchema, async (context) => {
  const plan = await readPlan(context);
  const target = plannedTarget(plan);
  const groupId = await resourceOf(context, { kind: 'security-group', name: 'isolated' });
  const image = await imageOf(context, target);
  const instanceId = await makeOnce({
    context,
    entry,
    step: 'launch-target',
    // Each type has a token of its own: this finds what a lost answer launched, whichever type it was.
    find: async () => (await describeInstance({ filters: entryFilters(context, entry) }))?.InstanceId,
    create: ({ clientToken, tags, intendedAt }) =>
      launchFirst([target.instanceType, ...target.otherInstanceTypes], {
        ...launchSettings(target, image, groupId),
        ClientToken: clientToken,
        TagSpecifications: [
          { ResourceType: 'instance', Tags: [...tags, ...targetTags(plan)] },
          { ResourceType: 'network-interface', Tags: tags },
          {
            ResourceType: 'volume',
            Tags: temporaryTags(context, { kind: 'volume', name: 'placeholder-root' }, { intendedAt }),
          },
        ],
      }),
  });
  return { instanceId, poll: firstPoll(10, 30) };
});

interface ToLaunch {
  readonly imageId: string;
  /** Its devices besides the root. */
  readonly otherDeviceNames: readonly string[];
}

/** The image, and its devices: what VM Import names them is known only now. */
async function imageOf(context: RestoreContext, { launchImage }: PlannedTarget): Promise<ToLaunch> {
  switch (launchImage.kind) {
    case 'existing':
      return launchImage;
    case 'blank':
      return { imageId: await resourceOf(context, { kind: 'image', name: 'launch' }), otherDeviceNames: [] };
    case 'imported': {
      const imageId = await resourceOf(context, { kind: 'image', name: IMPORTED });
      const image = await describeImage({ id: imageId });
      if (!image) throw new NotVisible(`image ${imageId} is not visible yet`);
      return { imageId, otherDeviceNames: otherDevicesOf(image, launchImage.rootDeviceName) };
    }
  }
}

const otherDevicesOf = ({ BlockDeviceMappings = [] }: Image, rootDeviceName: string): string[] =>
  BlockDeviceMappings.flatMap(({ DeviceName }) => DeviceName ?? []).filter((name) => name !== rootDeviceName);

function launchSettings(
  target: PlannedTarget,
  { imageId, otherDeviceNames }: ToLaunch,
  groupId: string,
): RunInstancesCommandInput {
  return {
    ImageId: imageId,
    MinCount: 1,
    MaxCount: 1,
    ...(target.keyName === undefined ? {} : { KeyName: target.keyName }),
    ...(target.ebsOptimized ? { EbsOptimized: true } : {}),
    NetworkInterfaces: [
      {
        DeviceIndex: 0,
        SubnetId: target.subnetId,
        Groups: [groupId],
        DeleteOnTermination: true,
        ...(target.privateIpAddress === undefined ? {} : { PrivateIpAddress: target.privateIpAddress }),
        ...(target.associatePublicIpAddress === undefined
          ? {}
          : { AssociatePublicIpAddress: target.associatePublicIpAddress }),
      },
    ],
    MetadataOptions: {
      HttpEndpoint: target.httpEndpoint,
      InstanceMetadataTags: target.instanceMetadataTags,
      HttpTokens: target.httpTokens,
      ...(target.httpPutResponseHopLimit === undefined
        ? {}
        : { HttpPutResponseHopLimit: target.httpPutResponseHopLimit }),
    },
    // Before hand-over the target is temporary: a shutdown from inside must not end it behind our back.
    InstanceInitiatedShutdownBehavior: 'stop',
    BlockDeviceMappings: [
      // The root it brings ends with it, should it end before the root is taken away.
      { DeviceName: target.launchImage.rootDeviceName, Ebs: { DeleteOnTermination: true } },
      ...otherDeviceNames.map((DeviceName) => ({
        DeviceName,
        NoDevice: '',
      })),
    ],
  };
}

function targetTags(plan: Plan): Tag[] {
  const { name, tags } = plannedTarget(plan);
  return Object.entries({ ...tags, ...originTags(plan), Name: name }).map(([Key, Value]) => ({ Key, Value }));
}
