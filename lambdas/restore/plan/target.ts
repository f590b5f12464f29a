import type { Subnet } from '@aws-sdk/client-ec2';
import type { PlannedTarget } from '../../../core/model/plan.ts';
import { isReservedTag } from '../../../core/model/request.ts';
import { environment } from '../../runtime/step.ts';
import type { TargetFacts } from './facts.ts';
import { findInstanceType } from './instance-type.ts';
import { findKeyPair } from './key-pair.ts';
import { checkAddress, findSecurityGroups, findSubnet } from './network.ts';

export interface TargetPlan {
  /** Undefined when the findings say why that is not possible. */
  readonly target: PlannedTarget | undefined;
  /** Known even where something else about the target is wrong. */
  readonly subnet: Subnet | undefined;
}

/** Decides what the target is like. */
export async function planTarget(facts: TargetFacts): Promise<TargetPlan> {
  const { workload, request, launchImage, findings } = facts;
  const { target } = request;
  const { source } = workload;
  const subnet = await findSubnet(facts);
  const instanceType = await findInstanceType(facts, subnet?.AvailabilityZone);
  const securityGroupIds = subnet && (await findSecurityGroups(facts, subnet));
  await checkAddress(facts, subnet);
  const keyName = await findKeyPair(facts);
  if (source?.iamInstanceProfileArn !== undefined && target.iamInstanceProfile === undefined) {
    findings.warning(
      'target.iamInstanceProfile',
      'nothing',
      `the source instance had the profile ${source.iamInstanceProfileArn}; the target gets none`,
      'Name a profile to give it one',
    );
  }
  if (target.iamInstanceProfile !== undefined && environment().INSTANCE_PROFILES === 'none') {
    findings.error(
      'target.iamInstanceProfile',
      target.iamInstanceProfile,
      'the stack may give no instance profile',
      'Deploy it with -c instanceProfileRoles=ARN[,ARN…] of the roles it may pass, or leave the profile out',
    );
  }
  const interfaces = source?.networkInterfaces.length ?? 0;
  if (interfaces > 1) {
    findings.warning(
      'target',
      workload.name,
      `the source instance had ${interfaces} network interfaces; the target gets one`,
      'Attach further interfaces after the restore',
    );
  }
  checkTags(facts);
  if (!subnet || instanceType === undefined || !securityGroupIds || !launchImage) {
    return { target: undefined, subnet };
  }
  const planned: PlannedTarget = {
    name: target.name ?? source?.tags.Name ?? workload.name,
    instanceType,
    subnetId: subnet.SubnetId ?? '',
    vpcId: subnet.VpcId ?? '',
    availabilityZone: subnet.AvailabilityZone ?? '',
    securityGroupIds,
    ...(target.privateIpAddress === undefined ? {} : { privateIpAddress: target.privateIpAddress }),
    ...(keyName === undefined ? {} : { keyName }),
    ...(target.iamInstanceProfile === undefined ? {} : { iamInstanceProfile: target.iamInstanceProfile }),
    sourceDestCheck: source?.sourceDestCheck ?? true,
    ebsOptimized: source?.ebsOptimized ?? false,
    httpTokens: source?.metadataOptions?.httpTokens === 'optional' ? 'optional' : 'required',
    ...(source?.metadataOptions?.httpPutResponseHopLimit === undefined
      ? {}
      : { httpPutResponseHopLimit: source.metadataOptions.httpPutResponseHopLimit }),
    tags: { ...ownTags(source?.tags ?? {}), ...target.tags },
    powerOn: target.powerOn,
    launchImage,
  };
  return { target: planned, subnet };
}

// EC2 takes 50 tags on a resource; Name and four of ours are among them.
const MOST_TAGS = 50 - 5;

function checkTags({ workload, request, findings }: TargetFacts): void {
  const count = Object.keys({ ...ownTags(workload.source?.tags ?? {}), ...request.target.tags }).length;
  if (count <= MOST_TAGS) return;
  findings.error(
    'target.tags',
    `${count} tags with those of the source`,
    `EC2 takes 50 on a resource, of which the restore needs 5`,
    `Give at most ${MOST_TAGS} in all`,
  );
}

const ownTags = (tags: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(tags).filter(([key]) => !isReservedTag(key) && key !== 'Name'));
