import {
  DescribeNetworkInterfacesCommand,
  DescribeSecurityGroupsCommand,
  type SecurityGroup,
  type Subnet,
} from '@aws-sdk/client-ec2';
import { ec2 } from '../../runtime/ec2.ts';
import type { TargetFacts } from './facts.ts';
import type { Findings } from './findings.ts';

/** The security groups that the request names; else the source instance's, as far as they exist here. */
export async function findSecurityGroups(
  { workload, request, findings }: TargetFacts,
  subnet: Subnet,
): Promise<string[] | undefined> {
  const asked = request.target.securityGroupIds;
  const wanted = asked ?? workload.source?.securityGroupIds ?? [];
  const found = await groupsOfVpc(subnet, { Name: 'group-id', Values: [...wanted] });
  const inVpc = new Set(found.map(({ GroupId }) => GroupId));
  const missing = wanted.filter((id) => !inVpc.has(id));
  if (missing.length === 0 && wanted.length > 0) return [...wanted];
  if (asked !== undefined) {
    for (const id of missing) {
      findings.error(
        `target.securityGroupIds[${asked.indexOf(id)}]`,
        id,
        `VPC ${subnet.VpcId} of the target subnet has no such security group`,
        'Give groups of that VPC',
      );
    }
    return undefined;
  }
  return sourceGroupsOrDefault({ wanted, missing, findings }, subnet);
}

/** The source's groups that are still there; its VPC's default group where none of them is. */
async function sourceGroupsOrDefault(
  {
    wanted,
    missing,
    findings,
  }: { wanted: readonly string[]; missing: readonly string[]; findings: Findings },
  subnet: Subnet,
): Promise<string[] | undefined> {
  const there = wanted.filter((id) => !missing.includes(id));
  const [fallback] = await groupsOfVpc(subnet, { Name: 'group-name', Values: ['default'] });
  const used = there.length > 0 ? there : fallback?.GroupId === undefined ? [] : [fallback.GroupId];
  if (used.length === 0) {
    findings.error(
      'target.securityGroupIds',
      'nothing',
      'the VPC has no default group',
      'Give target.securityGroupIds',
    );
    return undefined;
  }
  findings.warning(
    'target.securityGroupIds',
    'nothing',
    wanted.length === 0
      ? `the restore point names no security groups; the VPC’s default group ${used.join(', ')} is used`
      : `VPC ${subnet.VpcId} has no ${missing.join(', ')} of the source’s security groups; ${used.join(', ')} is used`,
    'Give target.securityGroupIds',
  );
  return used;
}

/** The security groups of a subnet's VPC that pass a filter. */
export async function groupsOfVpc(
  { VpcId = '' }: Subnet,
  filter: { Name: string; Values: string[] },
): Promise<SecurityGroup[]> {
  if (filter.Values.length === 0) return [];
  const { SecurityGroups = [] } = await ec2.send(
    new DescribeSecurityGroupsCommand({ Filters: [{ Name: 'vpc-id', Values: [VpcId] }, filter] }),
  );
  return SecurityGroups;
}

/** Holds the private address that the request names against the subnet. */
export async function checkAddress(
  { request, findings }: TargetFacts,
  subnet: Subnet | undefined,
): Promise<void> {
  const address = request.target.privateIpAddress;
  if (address === undefined || !subnet) return;
  const field = 'target.privateIpAddress';
  if (!isUsableAddress(address, subnet.CidrBlock ?? '')) {
    findings.error(
      field,
      address,
      `is not a usable address of ${subnet.SubnetId} (${subnet.CidrBlock}, whose first four and last are EC2’s)`,
      'Choose an address in that range',
    );
    return;
  }
  const { NetworkInterfaces = [] } = await ec2.send(
    new DescribeNetworkInterfacesCommand({
      Filters: [
        { Name: 'subnet-id', Values: [subnet.SubnetId ?? ''] },
        { Name: 'addresses.private-ip-address', Values: [address] },
      ],
    }),
  );
  const holder = NetworkInterfaces[0]?.NetworkInterfaceId;
  if (holder !== undefined) {
    findings.error(field, address, `is in use by ${holder}`, 'Choose a free address, or free this one');
  }
}

/** Whether `address` lies in the IPv4 block and is none of the five that EC2 reserves in every subnet. */
export function isUsableAddress(address: string, cidr: string): boolean {
  const [base = '', bits = '32'] = cidr.split('/');
  const size = 2 ** (32 - Number(bits));
  const offset = addressNumber(address) - addressNumber(base);
  return offset >= 4 && offset < size - 1;
}

const addressNumber = (address: string): number =>
  address.split('.').reduce((number, octet) => number * 256 + Number(octet), 0);
