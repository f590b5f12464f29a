import type {
  CreateSubnetRequest,
  CreateSubnetResult,
  DeleteSubnetRequest,
  DescribeSubnetsRequest,
  DescribeSubnetsResult,
  Subnet,
} from '@aws-sdk/client-ec2';
import { AwsError } from '../service.ts';
import { addressText, holdsAddress, overlaps, parseAddress, parseCidr } from './cidr.ts';
import { dependencyViolation, invalidValue, required } from './errors.ts';
import { describe } from './filters.ts';
import { makeId } from './ids.ts';
import { mutation, type Operations, query } from './operation.ts';
import type { SubnetRecord } from './records.ts';
import { need, type Simulation, zoneId } from './simulation.ts';
import { tagList, tagsAtCreation } from './tags.ts';

/** AWS keeps the first four addresses of a subnet and its last one. */
const RESERVED_AT_START = 4;
const RESERVED_AT_END = 1;

const usedIn = (sim: Simulation, subnetId: string): Set<string> =>
  new Set(
    sim.state.networkInterfaces
      .all()
      .filter((each) => each.subnetId === subnetId)
      .map((each) => each.privateIp),
  );

function cidrOf(subnet: SubnetRecord) {
  const cidr = parseCidr(subnet.cidr);
  if (!cidr) throw new Error(`subnet ${subnet.id} has the address range ${subnet.cidr}`);
  return cidr;
}

const freeCount = (sim: Simulation, subnet: SubnetRecord): number =>
  cidrOf(subnet).size - RESERVED_AT_START - RESERVED_AT_END - usedIn(sim, subnet.id).size;

/**
 * Chooses private addresses in a subnet: the one asked for, or the next free ones.
 * @throws InvalidParameterValue (not in the subnet, or reserved), InvalidIPAddress.InUse,
 *   InsufficientFreeAddressesInSubnet
 */
export function chooseAddresses(
  sim: Simulation,
  subnet: SubnetRecord,
  wanted: { readonly count: number; readonly address?: string | undefined },
): string[] {
  const used = usedIn(sim, subnet.id);
  if (wanted.address !== undefined) return [checkAddress(subnet, used, wanted.address)];
  const { base, size } = cidrOf(subnet);
  const chosen: string[] = [];
  for (let at = base + RESERVED_AT_START; at < base + size - RESERVED_AT_END; at++) {
    if (chosen.length === wanted.count) break;
    if (!used.has(addressText(at))) chosen.push(addressText(at));
  }
  if (chosen.length < wanted.count) {
    throw new AwsError(
      'InsufficientFreeAddressesInSubnet',
      `There are not enough free addresses in subnet '${subnet.id}' to satisfy the requested number of instances.`,
    );
  }
  return chosen;
}

function checkAddress(subnet: SubnetRecord, used: ReadonlySet<string>, text: string): string {
  const cidr = cidrOf(subnet);
  const address = parseAddress(text);
  if (address === undefined) throw invalidValue(`invalid value for parameter address: ${text}`);
  if (!holdsAddress(cidr, address)) {
    throw invalidValue(`Address ${text} does not fall within the subnet's address range`);
  }
  const place = address - cidr.base;
  if (place < RESERVED_AT_START || place >= cidr.size - RESERVED_AT_END) {
    throw invalidValue(`Address ${text} is in subnet's reserved address range`);
  }
  if (used.has(text)) throw new AwsError('InvalidIPAddress.InUse', `Address ${text} is in use.`);
  return text;
}

/** The default subnet of a zone. @throws MissingInput when there is none */
export function defaultSubnet(sim: Simulation, zone: string): SubnetRecord {
  const subnet = sim.state.subnets.all().find((each) => each.isDefault && each.zone === zone);
  if (!subnet)
    throw new AwsError('MissingInput', `No default subnet found in the Availability Zone '${zone}'.`);
  return subnet;
}

export function checkZone(sim: Simulation, zone: string): string {
  if (!sim.context.availabilityZones.includes(zone)) {
    throw new AwsError('InvalidParameterValue', `Invalid availability zone: [${zone}]`);
  }
  return zone;
}

/** Turns a zone's id (`use1-az1`) into its name. @throws InvalidParameterValue */
export function zoneOfId(sim: Simulation, id: string): string {
  const zone = sim.context.availabilityZones.find((each) => zoneId(sim, each) === id);
  if (!zone) throw invalidValue(`Invalid availability zone id: [${id}]`);
  return zone;
}

function subnetOutput(sim: Simulation, subnet: SubnetRecord): Subnet {
  const { accountId, region } = sim.context;
  return {
    SubnetId: subnet.id,
    SubnetArn: `arn:aws:ec2:${region}:${accountId}:subnet/${subnet.id}`,
    VpcId: subnet.vpcId,
    OwnerId: accountId,
    State: 'available',
    CidrBlock: subnet.cidr,
    AvailableIpAddressCount: freeCount(sim, subnet),
    AvailabilityZone: subnet.zone,
    AvailabilityZoneId: zoneId(sim, subnet.zone),
    DefaultForAz: subnet.isDefault,
    MapPublicIpOnLaunch: subnet.mapPublicIp,
    MapCustomerOwnedIpOnLaunch: false,
    AssignIpv6AddressOnCreation: false,
    EnableDns64: false,
    Ipv6Native: false,
    Ipv6CidrBlockAssociationSet: [],
    PrivateDnsNameOptionsOnLaunch: {
      HostnameType: 'ip-name',
      EnableResourceNameDnsARecord: false,
      EnableResourceNameDnsAAAARecord: false,
    },
    Tags: tagList(subnet),
  };
}

function checkSubnetRange(sim: Simulation, vpcId: string, text: string): void {
  const cidr = parseCidr(text);
  const within = parseCidr(need(sim, 'vpc', vpcId).cidr);
  if (!cidr || cidr.bits < 16 || cidr.bits > 28) throw invalidValue(`The CIDR '${text}' is invalid.`);
  const fits = within && holdsAddress(within, cidr.base) && cidr.bits >= within.bits;
  if (!fits) throw new AwsError('InvalidSubnet.Range', `The CIDR '${text}' is invalid.`);
  const other = sim.state.subnets.all().find((each) => each.vpcId === vpcId && overlaps(cidrOf(each), cidr));
  if (other) throw new AwsError('InvalidSubnet.Conflict', `The CIDR '${text}' conflicts with another subnet`);
}

export function subnetOperations(sim: Simulation): Operations {
  return {
    DescribeSubnets: query<DescribeSubnetsRequest, DescribeSubnetsResult>(
      'DescribeSubnets',
      ['SubnetIds', 'Filters', 'MaxResults', 'NextToken'],
      (input) => {
        const { page, ...token } = describe({
          kind: 'subnet',
          items: sim.state.subnets.all(),
          ids: input.SubnetIds,
          request: input,
          filters: {
            'availability-zone': (subnet) => subnet.zone,
            'availability-zone-id': (subnet) => zoneId(sim, subnet.zone),
            'available-ip-address-count': (subnet) => freeCount(sim, subnet),
            'cidr-block': (subnet) => subnet.cidr,
            'default-for-az': (subnet) => subnet.isDefault,
            'map-public-ip-on-launch': (subnet) => subnet.mapPublicIp,
            'owner-id': () => sim.context.accountId,
            state: () => 'available',
            'subnet-id': (subnet) => subnet.id,
            'vpc-id': (subnet) => subnet.vpcId,
          },
          tagsOf: (subnet) => subnet.tags,
        });
        return { Subnets: page.map((subnet) => subnetOutput(sim, subnet)), ...token };
      },
    ),
    CreateSubnet: mutation<CreateSubnetRequest, CreateSubnetResult>(
      sim,
      'CreateSubnet',
      ['VpcId', 'CidrBlock', 'AvailabilityZone', 'AvailabilityZoneId', 'TagSpecifications'],
      (input) => {
        const vpcId = required(input.VpcId, 'vpcId');
        const cidr = required(input.CidrBlock, 'cidrBlock');
        checkSubnetRange(sim, vpcId, cidr);
        const zone = input.AvailabilityZoneId
          ? zoneOfId(sim, input.AvailabilityZoneId)
          : checkZone(sim, input.AvailabilityZone ?? sim.context.availabilityZones[0] ?? '');
        const tags = tagsAtCreation(input.TagSpecifications, ['subnet']);
        return () => {
          const subnet = sim.state.subnets.insert({
            id: makeId('subnet'),
            vpcId,
            cidr,
            zone,
            isDefault: false,
            mapPublicIp: false,
            tags: tags('subnet'),
          });
          return { Subnet: subnetOutput(sim, subnet) };
        };
      },
    ),
    DeleteSubnet: mutation<DeleteSubnetRequest, object>(sim, 'DeleteSubnet', ['SubnetId'], (input) => {
      const subnet = need(sim, 'subnet', required(input.SubnetId, 'subnetId'));
      if (usedIn(sim, subnet.id).size > 0) {
        throw dependencyViolation(`The subnet '${subnet.id}' has dependencies and cannot be deleted.`);
      }
      return () => {
        sim.state.subnets.delete(subnet.id);
        return {};
      };
    }),
  };
}
