import {
  DescribeInstanceTypeOfferingsCommand,
  DescribeInstanceTypesCommand,
  DescribeKeyPairsCommand,
  DescribeNetworkInterfacesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  type InstanceTypeInfo,
  type SecurityGroup,
  type Subnet,
} from '@aws-sdk/client-ec2';
import type { Manifest } from '../../../core/model/manifest.ts';
import type { LaunchImage, PlannedTarget } from '../../../core/model/plan.ts';
import { isReservedTag, type RestoreRequest } from '../../../core/model/request.ts';
import { awsErrorCode } from '../../runtime/aws-errors.ts';
import { ec2 } from '../../runtime/ec2.ts';
import type { Findings } from './findings.ts';

type Workload = Manifest['workload'];

interface TargetFacts {
  readonly workload: Workload;
  readonly request: RestoreRequest;
  readonly launchImage: LaunchImage | undefined;
  readonly diskCount: number;
  readonly findings: Findings;
}

/** Decides what the target is like; undefined when the findings say why that is not possible. */
export async function planTarget(facts: TargetFacts): Promise<PlannedTarget | undefined> {
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
  if (!subnet || instanceType === undefined || !securityGroupIds || !launchImage) return undefined;
  return {
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

async function findSubnet({ workload, request, findings }: TargetFacts): Promise<Subnet | undefined> {
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

async function describeSubnet(subnetId: string): Promise<Subnet | undefined> {
  try {
    const { Subnets = [] } = await ec2.send(new DescribeSubnetsCommand({ SubnetIds: [subnetId] }));
    return Subnets[0];
  } catch (error) {
    const code = awsErrorCode(error);
    if (code === 'InvalidSubnetID.NotFound' || code === 'InvalidSubnetId.Malformed') return undefined;
    throw error;
  }
}

async function findInstanceType(
  { workload, request, diskCount, findings }: TargetFacts,
  zone: string | undefined,
): Promise<string | undefined> {
  const instanceType = request.target.instanceType ?? workload.source?.instanceType;
  const field = 'target.instanceType';
  if (instanceType === undefined) {
    findings.error(
      field,
      'nothing',
      'the restore point names no instance type, so the request must',
      'Give one, e.g. m7i.large',
    );
    return undefined;
  }
  const info = await describeInstanceType(instanceType);
  if (!info) {
    findings.error(field, instanceType, 'this region has no such instance type', 'Choose another');
    return undefined;
  }
  const architectures = info.ProcessorInfo?.SupportedArchitectures ?? [];
  if (!architectures.some((architecture) => architecture === workload.architecture)) {
    findings.error(
      field,
      instanceType,
      `runs ${architectures.join(', ')}, the machine is ${workload.architecture}`,
      `Choose a type for ${workload.architecture}`,
    );
  }
  checkBootMode(info, { workload, findings, field });
  const most = info.EbsInfo?.MaximumEbsAttachments;
  if (most !== undefined && diskCount > most) {
    findings.error(
      field,
      instanceType,
      `takes ${most} volumes, the machine has ${diskCount} disks`,
      'Choose a larger type',
    );
  }
  if (zone !== undefined && !(await isOffered(instanceType, zone))) {
    findings.error(
      field,
      instanceType,
      `is not offered in ${zone}`,
      'Choose another type or a subnet in another zone',
    );
  }
  return instanceType;
}

function checkBootMode(
  info: InstanceTypeInfo,
  { workload, findings, field }: { workload: Workload; findings: Findings; field: string },
): void {
  const supported: readonly string[] = info.SupportedBootModes ?? [];
  // uefi-preferred falls back to legacy BIOS where a type has no UEFI.
  if (workload.bootMode === undefined || workload.bootMode === 'uefi-preferred' || supported.length === 0)
    return;
  if (supported.includes(workload.bootMode)) return;
  findings.error(
    field,
    info.InstanceType,
    `boots by ${supported.join(', ')}, the machine by ${workload.bootMode}`,
    `Choose a type that boots by ${workload.bootMode}`,
  );
}

async function describeInstanceType(instanceType: string): Promise<InstanceTypeInfo | undefined> {
  try {
    const { InstanceTypes = [] } = await ec2.send(
      // The SDK types instance types as a closed list; new ones appear every month.
      new DescribeInstanceTypesCommand({ InstanceTypes: [instanceType as never] }),
    );
    return InstanceTypes[0];
  } catch (error) {
    if (awsErrorCode(error) === 'InvalidInstanceType') return undefined;
    throw error;
  }
}

async function isOffered(instanceType: string, zone: string): Promise<boolean> {
  const { InstanceTypeOfferings = [] } = await ec2.send(
    new DescribeInstanceTypeOfferingsCommand({
      LocationType: 'availability-zone',
      Filters: [
        { Name: 'instance-type', Values: [instanceType] },
        { Name: 'location', Values: [zone] },
      ],
    }),
  );
  return InstanceTypeOfferings.length > 0;
}

async function findSecurityGroups(
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

async function groupsOfVpc(
  { VpcId = '' }: Subnet,
  filter: { Name: string; Values: string[] },
): Promise<SecurityGroup[]> {
  if (filter.Values.length === 0) return [];
  const { SecurityGroups = [] } = await ec2.send(
    new DescribeSecurityGroupsCommand({ Filters: [{ Name: 'vpc-id', Values: [VpcId] }, filter] }),
  );
  return SecurityGroups;
}

async function checkAddress({ request, findings }: TargetFacts, subnet: Subnet | undefined): Promise<void> {
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

async function findKeyPair({ workload, request, findings }: TargetFacts): Promise<string | undefined> {
  const asked = request.target.keyName;
  const keyName = asked ?? workload.source?.keyName;
  if (keyName === undefined || (await keyPairExists(keyName))) return keyName;
  if (asked === undefined) {
    findings.warning(
      'target.keyName',
      keyName,
      'the source’s key pair does not exist here',
      'The keys inside the restored disks still work',
    );
  } else {
    findings.error(
      'target.keyName',
      keyName,
      'no such key pair exists here',
      'Give an existing one, or leave it out',
    );
  }
  return undefined;
}

async function keyPairExists(keyName: string): Promise<boolean> {
  try {
    await ec2.send(new DescribeKeyPairsCommand({ KeyNames: [keyName] }));
    return true;
  } catch (error) {
    if (awsErrorCode(error) === 'InvalidKeyPair.NotFound') return false;
    throw error;
  }
}
