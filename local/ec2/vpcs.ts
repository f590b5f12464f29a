import type {
  CreateVpcRequest,
  CreateVpcResult,
  DeleteVpcRequest,
  DescribeVpcAttributeRequest,
  DescribeVpcAttributeResult,
  DescribeVpcsRequest,
  DescribeVpcsResult,
  ModifyVpcAttributeRequest,
  Vpc,
} from '@aws-sdk/client-ec2';
import { parseCidr } from './cidr.ts';
import { dependencyViolation, invalidValue, notSimulated, required } from './errors.ts';
import { describe } from './filters.ts';
import { makeId } from './ids.ts';
import { mutation, type Operations, query } from './operation.ts';
import type { VpcRecord } from './records.ts';
import { insertSecurityGroup, removeSecurityGroup } from './security-groups.ts';
import { need, type Simulation } from './simulation.ts';
import { tagList, tagsAtCreation } from './tags.ts';

function vpcOutput(sim: Simulation, vpc: VpcRecord): Vpc {
  return {
    VpcId: vpc.id,
    OwnerId: sim.context.accountId,
    State: 'available',
    CidrBlock: vpc.cidr,
    DhcpOptionsId: 'dopt-0a1b2c3d4e5f60718',
    InstanceTenancy: 'default',
    IsDefault: vpc.isDefault,
    CidrBlockAssociationSet: [
      {
        AssociationId: vpc.id.replace('vpc-', 'vpc-cidr-assoc-'),
        CidrBlock: vpc.cidr,
        CidrBlockState: { State: 'associated' },
      },
    ],
    Ipv6CidrBlockAssociationSet: [],
    Tags: tagList(vpc),
  };
}

export function vpcOperations(sim: Simulation): Operations {
  return {
    DescribeVpcs: query<DescribeVpcsRequest, DescribeVpcsResult>(
      'DescribeVpcs',
      ['VpcIds', 'Filters', 'MaxResults', 'NextToken'],
      (input) => {
        const { page, ...token } = describe({
          kind: 'vpc',
          items: sim.state.vpcs.all(),
          ids: input.VpcIds,
          request: input,
          filters: {
            cidr: (vpc) => vpc.cidr,
            'cidr-block-association.cidr-block': (vpc) => vpc.cidr,
            'is-default': (vpc) => vpc.isDefault,
            'owner-id': () => sim.context.accountId,
            state: () => 'available',
            'vpc-id': (vpc) => vpc.id,
          },
          tagsOf: (vpc) => vpc.tags,
        });
        return { Vpcs: page.map((vpc) => vpcOutput(sim, vpc)), ...token };
      },
    ),
    DescribeVpcAttribute: query<DescribeVpcAttributeRequest, DescribeVpcAttributeResult>(
      'DescribeVpcAttribute',
      ['VpcId', 'Attribute'],
      (input) => {
        const vpc = need(sim, 'vpc', required(input.VpcId, 'vpcId'));
        switch (required(input.Attribute, 'attribute')) {
          case 'enableDnsSupport':
            return { VpcId: vpc.id, EnableDnsSupport: { Value: vpc.dnsSupport ?? true } };
          case 'enableDnsHostnames':
            return { VpcId: vpc.id, EnableDnsHostnames: { Value: vpc.dnsHostnames ?? vpc.isDefault } };
          default:
            throw notSimulated(`DescribeVpcAttribute: ${input.Attribute}`);
        }
      },
    ),
    ModifyVpcAttribute: mutation<ModifyVpcAttributeRequest, object>(
      sim,
      'ModifyVpcAttribute',
      ['VpcId', 'EnableDnsSupport', 'EnableDnsHostnames'],
      (input) => {
        const vpc = need(sim, 'vpc', required(input.VpcId, 'vpcId'));
        if ((input.EnableDnsSupport === undefined) === (input.EnableDnsHostnames === undefined)) {
          throw invalidValue('Exactly one attribute can be modified at a time.');
        }
        return () => {
          if (input.EnableDnsSupport) vpc.dnsSupport = input.EnableDnsSupport.Value ?? false;
          if (input.EnableDnsHostnames) vpc.dnsHostnames = input.EnableDnsHostnames.Value ?? false;
          return {};
        };
      },
    ),
    CreateVpc: mutation<CreateVpcRequest, CreateVpcResult>(
      sim,
      'CreateVpc',
      ['CidrBlock', 'TagSpecifications'],
      (input) => {
        const cidr = required(input.CidrBlock, 'cidrBlock');
        const range = parseCidr(cidr);
        if (!range || range.bits < 16 || range.bits > 28)
          throw invalidValue(`The CIDR '${cidr}' is invalid.`);
        const tags = tagsAtCreation(input.TagSpecifications, ['vpc']);
        return () => {
          const vpc = insertVpc(sim, { id: makeId('vpc'), cidr, isDefault: false });
          vpc.tags = tags('vpc');
          return { Vpc: vpcOutput(sim, vpc) };
        };
      },
    ),
    DeleteVpc: mutation<DeleteVpcRequest, object>(sim, 'DeleteVpc', ['VpcId'], (input) => {
      const vpc = need(sim, 'vpc', required(input.VpcId, 'vpcId'));
      const groups = sim.state.securityGroups.all().filter((group) => group.vpcId === vpc.id);
      const subnets = sim.state.subnets.all().filter((subnet) => subnet.vpcId === vpc.id);
      const endpoints = sim.state.vpcEndpoints.all().filter((endpoint) => endpoint.vpcId === vpc.id);
      const isInUse = subnets.length + endpoints.length > 0 || groups.some(({ name }) => name !== 'default');
      if (isInUse) {
        throw dependencyViolation(`The vpc '${vpc.id}' has dependencies and cannot be deleted.`);
      }
      return () => {
        for (const group of groups) removeSecurityGroup(sim, group.id);
        sim.state.vpcs.delete(vpc.id);
        return {};
      };
    }),
  };
}

/** Makes a VPC with its default security group, whose members may reach each other and everything outside. */
export function insertVpc(
  sim: Simulation,
  vpc: { readonly id: string; readonly cidr: string; readonly isDefault: boolean; readonly groupId?: string },
): VpcRecord {
  const { groupId = makeId('sg'), ...fields } = vpc;
  const record = sim.state.vpcs.insert({ ...fields, tags: [] });
  insertSecurityGroup(sim, {
    id: groupId,
    name: 'default',
    description: 'default VPC security group',
    vpcId: vpc.id,
    tags: [],
  });
  sim.state.securityGroupRules.insert({
    id: makeId('sgr'),
    groupId,
    egress: false,
    protocol: '-1',
    fromPort: -1,
    toPort: -1,
    referencedGroupId: groupId,
    tags: [],
  });
  return record;
}
