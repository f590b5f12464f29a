import { randomBytes } from 'node:crypto';
import type {
  CreateNetworkInterfaceRequest,
  CreateNetworkInterfaceResult,
  DeleteNetworkInterfaceRequest,
  DescribeNetworkInterfacesRequest,
  DescribeNetworkInterfacesResult,
  ModifyNetworkInterfaceAttributeRequest,
} from '@aws-sdk/client-ec2';
import { AwsError } from '../service.ts';
import { invalidCombination, required } from './errors.ts';
import { describe } from './filters.ts';
import { makeId } from './ids.ts';
import { interfaceOutput } from './interface-output.ts';
import { acceptOnly, mutation, type Operations, query } from './operation.ts';
import type { NetworkInterfaceRecord, SubnetRecord, Tag } from './records.ts';
import { chooseGroups } from './security-groups.ts';
import { need, type Simulation } from './simulation.ts';
import { chooseAddresses } from './subnets.ts';
import { tagsAtCreation } from './tags.ts';

export interface NewInterface {
  readonly subnet: SubnetRecord;
  readonly privateIp: string;
  readonly description: string;
  readonly groupIds: readonly string[];
  readonly autoPublicIp?: boolean;
  readonly tags: Tag[];
}

export function insertInterface(sim: Simulation, fields: NewInterface): NetworkInterfaceRecord {
  const { subnet, privateIp, description, groupIds, autoPublicIp = false, tags } = fields;
  return sim.state.networkInterfaces.insert({
    id: makeId('eni'),
    subnetId: subnet.id,
    vpcId: subnet.vpcId,
    zone: subnet.zone,
    privateIp,
    // A locally administered address (second lowest bit of the first byte).
    mac: ['0a', ...[...randomBytes(5)].map((byte) => byte.toString(16).padStart(2, '0'))].join(':'),
    description,
    groupIds: [...groupIds],
    sourceDestCheck: true,
    autoPublicIp,
    tags,
  });
}

/** A public address from a documentation range (RFC 5737 and 2544): it leads nowhere. */
export function makePublicIp(sim: Simulation): string {
  const used = new Set([
    ...sim.state.addresses.all().map((address) => address.publicIp),
    ...sim.state.networkInterfaces.all().map((each) => each.association?.publicIp),
  ]);
  for (let n = 1; n < 131_072; n++) {
    const address = `198.${18 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`;
    if (!used.has(address)) return address;
  }
  throw new AwsError('InsufficientAddressCapacity', 'There are no more public addresses', 503);
}

export function networkInterfaceOperations(sim: Simulation): Operations {
  return {
    DescribeNetworkInterfaces: query<DescribeNetworkInterfacesRequest, DescribeNetworkInterfacesResult>(
      'DescribeNetworkInterfaces',
      ['NetworkInterfaceIds', 'Filters', 'MaxResults', 'NextToken', 'IncludeManagedResources'],
      (input) => {
        const { page, ...token } = describe({
          kind: 'networkInterface',
          items: sim.state.networkInterfaces.all(),
          ids: input.NetworkInterfaceIds,
          request: input,
          filters: {
            'addresses.private-ip-address': (each) => each.privateIp,
            'association.public-ip': (each) => each.association?.publicIp,
            'attachment.attachment-id': (each) => each.attachment?.id,
            'attachment.delete-on-termination': (each) => each.attachment?.deleteOnTermination,
            'attachment.device-index': (each) => each.attachment?.deviceIndex,
            'attachment.instance-id': (each) => each.attachment?.instanceId,
            'attachment.status': (each) => each.attachment?.state,
            'availability-zone': (each) => each.zone,
            description: (each) => each.description,
            'group-id': (each) => each.groupIds,
            'mac-address': (each) => each.mac,
            'network-interface-id': (each) => each.id,
            'owner-id': () => sim.context.accountId,
            'private-ip-address': (each) => each.privateIp,
            'source-dest-check': (each) => each.sourceDestCheck,
            status: (each) => (each.attachment ? 'in-use' : 'available'),
            'subnet-id': (each) => each.subnetId,
            'vpc-id': (each) => each.vpcId,
          },
          tagsOf: (each) => each.tags,
        });
        return { NetworkInterfaces: page.map((each) => interfaceOutput(sim, each)), ...token };
      },
    ),
    CreateNetworkInterface: mutation<CreateNetworkInterfaceRequest, CreateNetworkInterfaceResult>(
      sim,
      'CreateNetworkInterface',
      ['SubnetId', 'Description', 'Groups', 'PrivateIpAddress', 'TagSpecifications'],
      (input) => {
        const subnet = need(sim, 'subnet', required(input.SubnetId, 'subnetId'));
        const { vpcId, id: subnetId } = subnet;
        const groupIds = chooseGroups(sim, { vpcId, subnetId, ids: input.Groups });
        const [privateIp = ''] = chooseAddresses(sim, subnet, { count: 1, address: input.PrivateIpAddress });
        const tags = tagsAtCreation(input.TagSpecifications, ['network-interface']);
        const description = input.Description ?? '';
        return () => ({
          NetworkInterface: interfaceOutput(
            sim,
            insertInterface(sim, {
              subnet,
              privateIp,
              description,
              groupIds,
              tags: tags('network-interface'),
            }),
          ),
        });
      },
    ),
    DeleteNetworkInterface: mutation<DeleteNetworkInterfaceRequest, object>(
      sim,
      'DeleteNetworkInterface',
      ['NetworkInterfaceId'],
      (input) => {
        const record = need(
          sim,
          'networkInterface',
          required(input.NetworkInterfaceId, 'networkInterfaceId'),
        );
        if (record.attachment) {
          throw new AwsError(
            'InvalidParameterValue',
            `Network interface '${record.id}' is currently in use.`,
          );
        }
        return () => {
          sim.state.networkInterfaces.delete(record.id);
          return {};
        };
      },
    ),
    ModifyNetworkInterfaceAttribute: mutation<ModifyNetworkInterfaceAttributeRequest, object>(
      sim,
      'ModifyNetworkInterfaceAttribute',
      ['NetworkInterfaceId', 'Groups', 'Attachment', 'Description', 'SourceDestCheck'],
      (input) => prepareModification(sim, input),
    ),
  };
}

function prepareModification(sim: Simulation, input: ModifyNetworkInterfaceAttributeRequest): () => object {
  const record = need(sim, 'networkInterface', required(input.NetworkInterfaceId, 'networkInterfaceId'));
  const asked = [input.Groups, input.Attachment, input.Description, input.SourceDestCheck];
  if (asked.filter((each) => each !== undefined).length !== 1) {
    throw invalidCombination('Exactly one attribute must be specified in a single call');
  }
  const groupIds =
    input.Groups && chooseGroups(sim, { vpcId: record.vpcId, subnetId: record.subnetId, ids: input.Groups });
  if (input.Attachment) {
    acceptOnly(input.Attachment, ['AttachmentId', 'DeleteOnTermination'], 'Attachment');
    if (record.attachment?.id !== input.Attachment.AttachmentId) {
      throw new AwsError(
        'InvalidAttachmentID.NotFound',
        `The networkInterface attachment ID '${input.Attachment.AttachmentId}' does not exist`,
      );
    }
  }
  const { Attachment: attachment, Description: description, SourceDestCheck: check } = input;
  return () => {
    if (groupIds) record.groupIds = groupIds;
    if (description) record.description = description.Value ?? '';
    if (check) record.sourceDestCheck = check.Value ?? true;
    if (attachment && record.attachment) {
      record.attachment.deleteOnTermination = attachment.DeleteOnTermination ?? false;
    }
    return {};
  };
}
