import { DescribeSubnetsCommand, type SecurityGroup, type Subnet } from '@aws-sdk/client-ec2';
import type { RestoreRequest } from '../../../core/model/request.ts';
import { describeSubnet } from '../../runtime/describe.ts';
import { ec2 } from '../../runtime/ec2.ts';
import type { Findings } from './findings.ts';
import { groupsOfVpc } from './network.ts';

export interface HelperNetworkFacts {
  readonly request: RestoreRequest;
  /** Undefined where the findings say why it is not known. */
  readonly targetSubnet: Subnet | undefined;
  readonly findings: Findings;
}

const SUBNET_FIELD = 'helper.subnetId';
const ADVISED_SUBNETS = 5;

/** The subnet that the request names for the helper, or the target's; it must be in the target's zone. */
export async function findHelperSubnet({
  request,
  targetSubnet,
  findings,
}: HelperNetworkFacts): Promise<Subnet | undefined> {
  const asked = request.helper.subnetId ?? targetSubnet?.SubnetId;
  if (asked === undefined) {
    // Without a zone there is a finding about the target.
    if (targetSubnet) {
      const problem = 'the request names only a zone for the volumes, and the helper needs a subnet in it';
      findings.error(SUBNET_FIELD, 'nothing', problem, await adviseSubnets(targetSubnet));
    }
    return undefined;
  }
  if (asked === targetSubnet?.SubnetId) {
    const free = targetSubnet.AvailableIpAddressCount;
    const isAlone = request.restoreTo !== 'new';
    // For a target, none at all is a finding about it.
    if (free === (isAlone ? 0 : 1)) {
      findings.error(
        SUBNET_FIELD,
        asked,
        isAlone
          ? 'has no free address, and the helper needs one'
          : 'has one free address, and both the target and the helper need one',
        await adviseSubnets(targetSubnet, asked),
      );
    }
    return targetSubnet;
  }
  const subnet = await describeSubnet(asked);
  if (!subnet) {
    findings.error(SUBNET_FIELD, asked, 'does not exist here', await adviseSubnets(targetSubnet, asked));
    return undefined;
  }
  if (targetSubnet && subnet.AvailabilityZone !== targetSubnet.AvailabilityZone) {
    findings.error(
      SUBNET_FIELD,
      asked,
      `is in ${subnet.AvailabilityZone}, the target in ${targetSubnet.AvailabilityZone}; a volume cannot leave its zone`,
      await adviseSubnets(targetSubnet, asked),
    );
  } else if (subnet.AvailableIpAddressCount === 0) {
    findings.error(SUBNET_FIELD, asked, 'has no free address', await adviseSubnets(targetSubnet, asked));
  }
  return subnet;
}

/** Other subnets of the target's zone that have room for a helper. */
async function adviseSubnets(targetSubnet: Subnet | undefined, not?: string): Promise<string> {
  const zone = targetSubnet?.AvailabilityZone;
  if (zone === undefined) return 'Give a subnet in the target’s zone';
  const { Subnets = [] } = await ec2.send(
    new DescribeSubnetsCommand({ Filters: [{ Name: 'availability-zone', Values: [zone] }] }),
  );
  const needed = (id: string | undefined): number => (id === targetSubnet?.SubnetId ? 2 : 1);
  const usable = Subnets.filter(
    ({ SubnetId, AvailableIpAddressCount = 0 }) =>
      SubnetId !== not && AvailableIpAddressCount >= needed(SubnetId),
  ).map(({ SubnetId }) => SubnetId);
  return usable.length > 0
    ? `Give a subnet of ${zone}, e.g. ${usable.slice(0, ADVISED_SUBNETS).join(', ')}`
    : `Create a subnet in ${zone}, or free addresses there`;
}

/** The security groups that the request names for the helper; undefined where the restore is to make one. */
export async function findHelperGroups(
  { request, findings }: HelperNetworkFacts,
  { subnet, s3PrefixListId }: { subnet: Subnet; s3PrefixListId: string | undefined },
): Promise<string[] | undefined> {
  const asked = request.helper.securityGroupIds;
  if (asked === undefined) return undefined;
  const found = await groupsOfVpc(subnet, { Name: 'group-id', Values: [...asked] });
  const missing = asked.filter((id) => !found.some(({ GroupId }) => GroupId === id));
  for (const id of missing) {
    findings.error(
      `helper.securityGroupIds[${asked.indexOf(id)}]`,
      id,
      `VPC ${subnet.VpcId} of the helper’s subnet has no such security group`,
      'Give groups of that VPC, or leave them out: the restore makes one',
    );
  }
  if (missing.length === 0 && !found.some((group) => letsOutToS3(group, s3PrefixListId))) {
    findings.warning(
      'helper.securityGroupIds',
      asked.join(', '),
      `no rule of theirs lets TCP 443 out to ${s3PrefixListId ?? 'the prefix list of S3'} or to everywhere; without a way to S3 the helper is given up`,
      'Add such a rule, or leave the groups out: the restore makes one',
    );
  }
  return [...asked];
}

/** Whether a group lets HTTPS out to S3: to its prefix list, or to everywhere. */
export function letsOutToS3(
  { IpPermissionsEgress = [] }: Pick<SecurityGroup, 'IpPermissionsEgress'>,
  s3PrefixListId: string | undefined,
): boolean {
  return IpPermissionsEgress.some(
    ({ IpProtocol, FromPort = 0, ToPort = 65_535, IpRanges = [], PrefixListIds = [] }) =>
      (IpProtocol === '-1' || (IpProtocol === 'tcp' && FromPort <= 443 && ToPort >= 443)) &&
      (IpRanges.some(({ CidrIp }) => CidrIp === '0.0.0.0/0') ||
        PrefixListIds.some(({ PrefixListId }) => PrefixListId === s3PrefixListId)),
  );
}
