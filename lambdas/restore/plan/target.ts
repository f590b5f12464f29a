import type { Subnet } from '@aws-sdk/client-ec2';
import type { Plan, PlannedTarget } from '../../../core/model/plan.ts';
import { environment } from '../../runtime/step.ts';
import type { TargetFacts } from './facts.ts';
import { findInstanceTypes } from './instance-type.ts';
import { findKeyPair } from './key-pair.ts';
import { chooseMetadataOptions } from './metadata-options.ts';
import { chooseName, sourceNameOf } from './names.ts';
import { checkAddress, findSecurityGroups } from './network.ts';
import { findSubnet } from './subnet.ts';
import { checkInstanceTags, instanceTags } from './tags.ts';
import { planVolumes } from './volumes-only.ts';

export interface TargetPlan {
  /** Undefined when the findings say why that is not possible. */
  readonly target: Plan['target'] | undefined;
  /** Known even where something else about the target is wrong; only its zone where nothing else is needed. */
  readonly subnet: Subnet | undefined;
}

/** Decides what the disks become: an instance, or volumes alone. */
export const planTarget = (facts: TargetFacts): Promise<TargetPlan> =>
  facts.request.restoreTo === 'volumes' ? planVolumes(facts) : planInstance(facts);

async function planInstance(facts: TargetFacts): Promise<TargetPlan> {
  const { workload, request, launchImage, findings } = facts;
  const { target } = request;
  const { source } = workload;
  const subnet = await findSubnet(facts);
  const instanceTypes = await findInstanceTypes(facts, subnet?.AvailabilityZone);
  const securityGroupIds = subnet && (await findSecurityGroups(facts, subnet));
  await checkAddress(facts, subnet);
  const keyName = await findKeyPair(facts);
  checkProfile(facts);
  checkInterfaces(facts, subnet);
  const name = chooseName(workload, request, { findings });
  const metadata = chooseMetadataOptions(source?.metadataOptions, target.metadataOptions);
  const tags = instanceTags(workload, request);
  checkInstanceTags(tags, { inMetadata: metadata.instanceMetadataTags === 'enabled', findings });
  const [instanceType, ...otherInstanceTypes] = instanceTypes ?? [];
  if (!subnet || instanceType === undefined || !securityGroupIds || !launchImage) {
    return { target: undefined, subnet };
  }
  const { privateIpAddress, associatePublicIpAddress, iamInstanceProfile } = target;
  const planned: PlannedTarget = {
    restoreTo: 'new',
    name,
    sourceName: sourceNameOf(workload),
    instanceType,
    otherInstanceTypes,
    subnetId: subnet.SubnetId ?? '',
    vpcId: subnet.VpcId ?? '',
    availabilityZone: subnet.AvailabilityZone ?? '',
    securityGroupIds,
    ...(privateIpAddress === undefined ? {} : { privateIpAddress }),
    ...(associatePublicIpAddress === undefined ? {} : { associatePublicIpAddress }),
    ...(keyName === undefined ? {} : { keyName }),
    ...(iamInstanceProfile === undefined ? {} : { iamInstanceProfile }),
    sourceDestCheck: source?.sourceDestCheck ?? true,
    ebsOptimized: source?.ebsOptimized ?? false,
    ...metadata,
    tags,
    powerOn: target.powerOn,
    launchImage,
  };
  return { target: planned, subnet };
}

function checkProfile({ workload: { source }, request: { target }, findings }: TargetFacts): void {
  const field = 'target.iamInstanceProfile';
  if (source?.iamInstanceProfileArn !== undefined && target.iamInstanceProfile === undefined) {
    findings.warning(
      field,
      'nothing',
      `the source instance had the profile ${source.iamInstanceProfileArn}; the target gets none`,
      'Name a profile to give it one',
    );
  }
  if (target.iamInstanceProfile === undefined) return;
  if (environment().INSTANCE_PROFILES === 'none') {
    findings.error(
      field,
      target.iamInstanceProfile,
      'the stack may give no instance profile',
      'Deploy it with -c instanceProfileRoles=ARN[,ARN…] of the roles it may pass, or leave the profile out',
    );
    return;
  }
  findings.notKnown(
    `whether the instance profile ${target.iamInstanceProfile} exists, with a role that the stack may pass`,
    'the plan may ask IAM nothing',
  );
}

function checkInterfaces(
  { workload: { name, source }, request: { target }, findings }: TargetFacts,
  subnet: Subnet | undefined,
): void {
  const interfaces = source?.networkInterfaces.length ?? 0;
  if (interfaces > 1) {
    findings.warning(
      'target',
      name,
      `the source instance had ${interfaces} network interfaces; the target gets one`,
      'Attach further interfaces after the restore',
    );
  }
  const getsPublicAddress = target.associatePublicIpAddress ?? subnet?.MapPublicIpOnLaunch ?? true;
  if (source?.publicIpAddress !== undefined && !getsPublicAddress) {
    findings.warning(
      'target.associatePublicIpAddress',
      target.associatePublicIpAddress ?? 'nothing',
      `the source instance had the public address ${source.publicIpAddress}; the target gets none`,
      'Give it as true for a new public address, or associate an Elastic IP address after the restore',
    );
  }
}
