import { DescribeSubnetsCommand, type Subnet } from '@aws-sdk/client-ec2';
import { describeSubnet } from '../../runtime/describe.ts';
import { ec2 } from '../../runtime/ec2.ts';
import type { TargetFacts } from './facts.ts';
import { isOffered, wantedTypes } from './instance-type.ts';
import { isUsableAddress } from './network.ts';

/** The subnet that the request names, the first of several that will do, or the source instance's. */
export async function findSubnet(facts: TargetFacts): Promise<Subnet | undefined> {
  const { workload, request, findings } = facts;
  if (request.target.subnetIds) return await chooseSubnet(request.target.subnetIds, facts);
  const wanted = request.target.subnetId ?? workload.source?.subnetId;
  const found = wanted === undefined ? undefined : await describeSubnet(wanted);
  if (found) {
    if (found.AvailableIpAddressCount === 0) {
      findings.error('target.subnetId', wanted, 'has no free address', 'Choose a subnet with free addresses');
    }
    return found;
  }
  const { Subnets = [] } = await ec2.send(new DescribeSubnetsCommand({ MaxResults: 20 }));
  const some = Subnets.slice(0, 5).map(
    ({ SubnetId, AvailabilityZone }) => `${SubnetId} (${AvailabilityZone})`,
  );
  findings.error(
    'target.subnetId',
    wanted ?? 'nothing',
    request.target.subnetId === undefined && wanted !== undefined
      ? 'the source instance’s subnet does not exist here'
      : wanted === undefined
        ? 'the restore point names no subnet, so the request must'
        : 'does not exist here',
    some.length > 0
      ? `Give a subnet of this region, e.g. ${some.join(', ')}`
      : 'Create a subnet in this region first',
  );
  return undefined;
}

/**
 * The first of the request's subnets that the target can be in. One is chosen for good: a volume cannot leave its zone,
 * so a restore that has begun cannot move to the next.
 */
export async function chooseSubnet(
  ids: readonly string[],
  facts: Omit<TargetFacts, 'launchImage'>,
): Promise<Subnet | undefined> {
  const { findings } = facts;
  const refused: { field: string; id: string; problem: string }[] = [];
  for (const [index, id] of ids.entries()) {
    const subnet = await describeSubnet(id);
    const problem = subnet ? await whyNot(subnet, facts) : 'does not exist here';
    if (problem === undefined) {
      for (const each of refused) {
        findings.warning(each.field, each.id, `${each.problem}; ${id} is used`, 'Leave it out');
      }
      return subnet;
    }
    refused.push({ field: `target.subnetIds[${index}]`, id, problem });
  }
  for (const { field, id, problem } of refused) {
    findings.error(field, id, problem, 'Give a subnet that the target can be in');
  }
  return undefined;
}

async function whyNot(
  { AvailabilityZone: zone = '', AvailableIpAddressCount: free, CidrBlock = '' }: Subnet,
  facts: Omit<TargetFacts, 'launchImage'>,
): Promise<string | undefined> {
  const { request } = facts;
  // Volumes alone need nothing but its zone.
  if (request.restoreTo === 'volumes') return undefined;
  if (free === 0) return 'has no free address';
  const address = request.target.privateIpAddress;
  if (address !== undefined && !isUsableAddress(address, CidrBlock)) {
    return `does not hold target.privateIpAddress ${address} (${CidrBlock})`;
  }
  const types = wantedTypes(facts).map(({ instanceType }) => instanceType);
  const offered = await Promise.all(types.map((type) => isOffered(type, zone)));
  return types.length === 0 || offered.includes(true) ? undefined : `${zone} offers no ${types.join(', ')}`;
}
