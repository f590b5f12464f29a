import type { RunInstancesCommandInput } from '@aws-sdk/client-ec2';
import { z } from 'zod';
import { INSTANCE_ID_PLACEHOLDER } from '../../core/model/helper.ts';
import type { Plan } from '../../core/model/plan.ts';
import { describeInstance } from '../runtime/describe.ts';
import {
  entryFilters,
  type Identity,
  makeOnce,
  type RestoreContext,
  readPlan,
  resourceOf,
  restoreContextSchema,
} from '../runtime/ledger.ts';
import { firstPoll } from '../runtime/poll.ts';
import { environment, makeStep } from '../runtime/step.ts';
import { folderOf, helperName, type PlannedHelper, plannedHelper } from './helper/planned.ts';
import { makeUserData } from './helper/user-data.ts';
import { launchFirst } from './launch/first-type.ts';

const inputSchema = restoreContextSchema.extend({ generation: z.number().int().positive() });

// The longest that a restore runs: the timeout of its state machine.
const LIFE_DAYS = 14;
const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Launches the helper appliance: without a public address, a key pair or a rule that lets anything in. What it needs
 * to know is in its user data; its volumes and orders come later. A shutdown ends it, whoever asks for one.
 */
export const handler = makeStep(inputSchema, async ({ generation, ...context }) => {
  const plan = await readPlan(context);
  const helper = plannedHelper(plan);
  const groupIds = helper.securityGroupIds ?? [
    await resourceOf(context, { kind: 'security-group', name: 'helper' }),
  ];
  const instance = helperName(generation);
  const entry = { kind: 'instance', name: instance } as const;
  const instanceId = await makeOnce({
    context,
    entry,
    step: 'launch-helper',
    role: 'helper',
    // Each type has a token of its own: this finds what a lost answer launched, whichever type it was.
    find: async () => (await describeInstance({ filters: entryFilters(context, entry) }))?.InstanceId,
    create: (identity) =>
      launchFirst(helper.instanceTypes, {
        ...launchSettings(helper, groupIds, identity),
        ...namesOf(context, instance, identity),
        UserData: userData(plan, identity),
      }),
  });
  return { instance, instanceId, poll: firstPoll(5, 30) };
});

function launchSettings(
  helper: PlannedHelper,
  groupIds: readonly string[],
  { clientToken }: Identity,
): RunInstancesCommandInput {
  return {
    ClientToken: clientToken,
    ImageId: helper.imageId,
    MinCount: 1,
    MaxCount: 1,
    IamInstanceProfile: { Name: environment().HELPER_PROFILE_NAME },
    NetworkInterfaces: [
      {
        DeviceIndex: 0,
        SubnetId: helper.subnetId,
        Groups: [...groupIds],
        AssociatePublicIpAddress: false,
        DeleteOnTermination: true,
      },
    ],
    MetadataOptions: { HttpEndpoint: 'enabled', HttpTokens: 'required', HttpPutResponseHopLimit: 1 },
    InstanceInitiatedShutdownBehavior: 'terminate',
    // Recovered, it would boot again with restored disks attached.
    MaintenanceOptions: { AutoRecovery: 'disabled' },
    BlockDeviceMappings: [
      {
        DeviceName: helper.imageRootDeviceName,
        Ebs: { VolumeType: 'gp3', Encrypted: true, DeleteOnTermination: true },
      },
    ],
  };
}

/** Instance, root volume and interface are one thing, with one entry: the two end with the instance. */
function namesOf(
  { restoreId }: RestoreContext,
  instance: string,
  { tags }: Identity,
): Pick<RunInstancesCommandInput, 'TagSpecifications'> {
  const Tags = [...tags, { Key: 'Name', Value: `landfall ${instance} of ${restoreId}` }];
  const types = ['instance', 'volume', 'network-interface'] as const;
  return { TagSpecifications: types.map((ResourceType) => ({ ResourceType, Tags })) };
}

/** What it is brought up with: the same bytes at every try, or EC2 refuses the token as used for another request. */
function userData(plan: Plan, { intendedAt }: Identity): string {
  const { AWS_REGION, CONTROL_BUCKET, HELPER_BUNDLE_SHA256, HELPER_BUNDLE_URL } = environment();
  const script = makeUserData({
    version: 1,
    bundle: HELPER_BUNDLE_URL,
    sha256: HELPER_BUNDLE_SHA256,
    folder: `s3://${CONTROL_BUCKET}/${folderOf(plan, INSTANCE_ID_PLACEHOLDER)}`,
    region: AWS_REGION,
    deadline: new Date(Date.parse(intendedAt) + LIFE_DAYS * DAY_MS).toISOString(),
  });
  return Buffer.from(script).toString('base64');
}
