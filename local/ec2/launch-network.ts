import type { InstanceNetworkInterfaceSpecification, RunInstancesRequest } from '@aws-sdk/client-ec2';
import { invalidCombination, invalidParameter, invalidValue } from './errors.ts';
import { acceptOnly } from './operation.ts';
import type { SubnetRecord } from './records.ts';
import { chooseGroups } from './security-groups.ts';
import { need, type Simulation } from './simulation.ts';
import { checkZone, chooseAddresses, defaultSubnet, zoneOfId } from './subnets.ts';

/** A network interface that each instance of a launch is to have. */
export interface LaunchInterface {
  readonly deviceIndex: number;
  readonly subnet: SubnetRecord;
  readonly groupIds: readonly string[];
  /** One private address for each instance. */
  readonly addresses: readonly string[];
  readonly description: string;
  readonly deleteOnTermination: boolean;
  readonly autoPublicIp: boolean;
  /** Set when an interface that is there already is to be used. */
  readonly interfaceId?: string;
}

/**
 * Where a launch goes.
 * @throws InvalidSubnetID.NotFound, InvalidParameter (group of another VPC), InvalidIPAddress.InUse and others
 */
export function planInterfaces(
  sim: Simulation,
  input: RunInstancesRequest,
  count: number,
): LaunchInterface[] {
  const specifications = input.NetworkInterfaces ?? [];
  if (specifications.length > 0) return planSpecified(sim, input, count);
  const subnet = chooseSubnet(sim, input);
  const { vpcId, id: subnetId } = subnet;
  checkSingleAddress(input.PrivateIpAddress, count);
  return [
    {
      deviceIndex: 0,
      subnet,
      groupIds: chooseGroups(sim, {
        vpcId,
        subnetId,
        ids: input.SecurityGroupIds,
        names: input.SecurityGroups,
      }),
      addresses: chooseAddresses(sim, subnet, { count, address: input.PrivateIpAddress }),
      description: '',
      deleteOnTermination: true,
      autoPublicIp: subnet.mapPublicIp,
    },
  ];
}

function chooseSubnet(sim: Simulation, input: RunInstancesRequest): SubnetRecord {
  const placement = input.Placement ?? {};
  const zone = placement.AvailabilityZoneId
    ? zoneOfId(sim, placement.AvailabilityZoneId)
    : placement.AvailabilityZone && checkZone(sim, placement.AvailabilityZone);
  if (!input.SubnetId) return defaultSubnet(sim, zone || (sim.context.availabilityZones[0] ?? ''));
  const subnet = need(sim, 'subnet', input.SubnetId);
  if (zone && subnet.zone !== zone) {
    throw invalidValue(
      `The availability zone '${zone}' is not that of the subnet '${subnet.id}' (${subnet.zone})`,
    );
  }
  return subnet;
}

function checkSingleAddress(address: string | undefined, count: number): void {
  if (address !== undefined && count > 1) {
    throw invalidCombination('A private IP address may not be specified when launching several instances');
  }
}

function planSpecified(sim: Simulation, input: RunInstancesRequest, count: number): LaunchInterface[] {
  if (input.SubnetId) {
    throw invalidCombination(
      'Network interfaces and an instance-level subnet ID may not be specified on the same request',
    );
  }
  if (input.SecurityGroupIds?.length || input.SecurityGroups?.length) {
    throw invalidCombination(
      'Network interfaces and an instance-level security groups may not be specified on the same request',
    );
  }
  if (input.PrivateIpAddress) {
    throw invalidCombination(
      'Network interfaces and an instance-level private IP address may not be specified on the same request',
    );
  }
  const planned = (input.NetworkInterfaces ?? []).map((each) => planInterface(sim, each, count));
  const indexes = planned.map((each) => each.deviceIndex);
  if (!indexes.includes(0) || new Set(indexes).size < indexes.length) {
    throw invalidParameter('Each network interface needs its own device index, and one of them must be 0');
  }
  if (new Set(planned.map((each) => each.subnet.zone)).size > 1) {
    throw invalidParameter('All network interfaces must be in the same Availability Zone');
  }
  return planned.sort((a, b) => a.deviceIndex - b.deviceIndex);
}

const SPECIFICATION_MEMBERS = [
  'AssociatePublicIpAddress',
  'DeleteOnTermination',
  'Description',
  'DeviceIndex',
  'Groups',
  'NetworkInterfaceId',
  'PrivateIpAddress',
  'SubnetId',
] as const;

function planInterface(
  sim: Simulation,
  specification: InstanceNetworkInterfaceSpecification,
  count: number,
): LaunchInterface {
  acceptOnly(specification, SPECIFICATION_MEMBERS, 'NetworkInterfaces');
  if (specification.NetworkInterfaceId) return planExisting(sim, specification, count);
  const subnet = specification.SubnetId
    ? need(sim, 'subnet', specification.SubnetId)
    : defaultSubnet(sim, sim.context.availabilityZones[0] ?? '');
  const { vpcId, id: subnetId } = subnet;
  checkSingleAddress(specification.PrivateIpAddress, count);
  return {
    deviceIndex: specification.DeviceIndex ?? 0,
    subnet,
    groupIds: chooseGroups(sim, { vpcId, subnetId, ids: specification.Groups }),
    addresses: chooseAddresses(sim, subnet, { count, address: specification.PrivateIpAddress }),
    description: specification.Description ?? '',
    deleteOnTermination: specification.DeleteOnTermination ?? true,
    autoPublicIp: specification.AssociatePublicIpAddress ?? subnet.mapPublicIp,
  };
}

function planExisting(
  sim: Simulation,
  specification: InstanceNetworkInterfaceSpecification,
  count: number,
): LaunchInterface {
  acceptOnly(
    specification,
    ['NetworkInterfaceId', 'DeviceIndex'],
    'NetworkInterfaces with a NetworkInterfaceId',
  );
  if (count > 1) throw invalidCombination('A network interface may not be specified for several instances');
  const record = need(sim, 'networkInterface', specification.NetworkInterfaceId ?? '');
  if (record.attachment) {
    throw invalidValue(`Network interface '${record.id}' is currently in use.`);
  }
  return {
    deviceIndex: specification.DeviceIndex ?? 0,
    subnet: need(sim, 'subnet', record.subnetId),
    groupIds: record.groupIds,
    addresses: [record.privateIp],
    description: record.description,
    deleteOnTermination: false,
    autoPublicIp: false,
    interfaceId: record.id,
  };
}
