import type {
  Address,
  AllocateAddressRequest,
  AllocateAddressResult,
  AssociateAddressRequest,
  AssociateAddressResult,
  DescribeAddressesRequest,
  DescribeAddressesResult,
  DisassociateAddressRequest,
  ReleaseAddressRequest,
} from '@aws-sdk/client-ec2';
import { AwsError } from '../service.ts';
import { invalidValue, required } from './errors.ts';
import { describe } from './filters.ts';
import { makeId } from './ids.ts';
import { makePublicIp } from './network-interfaces.ts';
import { mutation, type Operations, query } from './operation.ts';
import type { AddressRecord, NetworkInterfaceRecord } from './records.ts';
import { find, interfacesOf, need, type Simulation } from './simulation.ts';
import { tagList, tagsAtCreation } from './tags.ts';

/** What an address is, wherever it leads; all that AllocateAddress answers. */
const allocationOutput = (sim: Simulation, address: AddressRecord) => ({
  AllocationId: address.id,
  PublicIp: address.publicIp,
  Domain: 'vpc' as const,
  PublicIpv4Pool: 'amazon',
  NetworkBorderGroup: sim.context.region,
});

function addressOutput(sim: Simulation, address: AddressRecord): Address {
  const target = address.networkInterfaceId && find(sim, 'networkInterface', address.networkInterfaceId);
  return {
    ...allocationOutput(sim, address),
    Tags: tagList(address),
    ...(target
      ? {
          AssociationId: address.associationId,
          NetworkInterfaceId: target.id,
          NetworkInterfaceOwnerId: sim.context.accountId,
          PrivateIpAddress: target.privateIp,
          ...(target.attachment ? { InstanceId: target.attachment.instanceId } : {}),
        }
      : {}),
  };
}

/** Takes an elastic address off whatever it is on. */
export function dissociate(sim: Simulation, address: AddressRecord): void {
  const target = address.networkInterfaceId && find(sim, 'networkInterface', address.networkInterfaceId);
  if (target) delete target.association;
  delete address.associationId;
  delete address.networkInterfaceId;
}

function needTarget(sim: Simulation, input: AssociateAddressRequest): NetworkInterfaceRecord {
  if (input.NetworkInterfaceId) return need(sim, 'networkInterface', input.NetworkInterfaceId);
  const instance = need(sim, 'instance', required(input.InstanceId, 'instanceId'));
  if (instance.state !== 'running' && instance.state !== 'stopped') {
    throw new AwsError(
      'InvalidInstanceID',
      `The pending-instance-creation instance to which '${input.AllocationId}' is to be attached is not in a valid state for this operation`,
    );
  }
  const target = interfacesOf(sim, instance.id)[0];
  if (!target) throw invalidValue(`instance ${instance.id} has no network interface`);
  return target;
}

function prepareAssociation(sim: Simulation, input: AssociateAddressRequest): () => AssociateAddressResult {
  const address = need(sim, 'address', required(input.AllocationId, 'allocationId'));
  const target = needTarget(sim, input);
  if (address.associationId && input.AllowReassociation === false) {
    throw new AwsError(
      'Resource.AlreadyAssociated',
      `resource ${address.id} is already associated with associate-id ${address.associationId}`,
    );
  }
  return () => {
    dissociate(sim, address);
    const associationId = makeId('eipassoc');
    address.associationId = associationId;
    address.networkInterfaceId = target.id;
    target.association = { associationId, allocationId: address.id, publicIp: address.publicIp };
    return { AssociationId: associationId };
  };
}

export function addressOperations(sim: Simulation): Operations {
  return {
    AllocateAddress: mutation<AllocateAddressRequest, AllocateAddressResult>(
      sim,
      'AllocateAddress',
      ['Domain', 'TagSpecifications'],
      (input) => {
        if (input.Domain && input.Domain !== 'vpc')
          throw invalidValue(`Invalid value '${input.Domain}' for domain.`);
        const tags = tagsAtCreation(input.TagSpecifications, ['elastic-ip']);
        return () => {
          const address = sim.state.addresses.insert({
            id: makeId('eipalloc'),
            publicIp: makePublicIp(sim),
            tags: tags('elastic-ip'),
          });
          return allocationOutput(sim, address);
        };
      },
    ),
    AssociateAddress: mutation<AssociateAddressRequest, AssociateAddressResult>(
      sim,
      'AssociateAddress',
      ['AllocationId', 'InstanceId', 'NetworkInterfaceId', 'AllowReassociation'],
      (input) => prepareAssociation(sim, input),
    ),
    DisassociateAddress: mutation<DisassociateAddressRequest, object>(
      sim,
      'DisassociateAddress',
      ['AssociationId'],
      (input) => {
        const id = required(input.AssociationId, 'associationId');
        const address = sim.state.addresses.all().find((each) => each.associationId === id);
        if (!address) {
          throw new AwsError('InvalidAssociationID.NotFound', `The association ID '${id}' does not exist`);
        }
        return () => {
          dissociate(sim, address);
          return {};
        };
      },
    ),
    ReleaseAddress: mutation<ReleaseAddressRequest, object>(
      sim,
      'ReleaseAddress',
      ['AllocationId'],
      (input) => {
        const address = need(sim, 'address', required(input.AllocationId, 'allocationId'));
        if (address.associationId) {
          throw new AwsError('InvalidIPAddress.InUse', `Address ${address.publicIp} is in use.`);
        }
        return () => {
          sim.state.addresses.delete(address.id);
          return {};
        };
      },
    ),
    DescribeAddresses: query<DescribeAddressesRequest, DescribeAddressesResult>(
      'DescribeAddresses',
      ['AllocationIds', 'PublicIps', 'Filters'],
      (input) => {
        const { page } = describe({
          kind: 'address',
          items: sim.state.addresses
            .all()
            .filter((address) => (input.PublicIps ?? [address.publicIp]).includes(address.publicIp)),
          ids: input.AllocationIds,
          request: { Filters: input.Filters },
          filters: {
            'allocation-id': (address) => address.id,
            'association-id': (address) => address.associationId,
            domain: () => 'vpc',
            'instance-id': (address) => addressOutput(sim, address).InstanceId,
            'network-interface-id': (address) => address.networkInterfaceId,
            'public-ip': (address) => address.publicIp,
          },
          tagsOf: (address) => address.tags,
        });
        return { Addresses: page.map((address) => addressOutput(sim, address)) };
      },
    ),
  };
}
