import type {
  CreateVpcEndpointRequest,
  DeleteVpcEndpointsRequest,
  DeleteVpcEndpointsResult,
  DescribeVpcEndpointsRequest,
  VpcEndpoint,
} from '@aws-sdk/client-ec2';
import { AwsError } from '../service.ts';
import { invalidParameter, notSimulated, required } from './errors.ts';
import { describe } from './filters.ts';
import { makeId, RESOURCE_KINDS } from './ids.ts';
import { mutation, type Operations, query } from './operation.ts';
import { S3_PREFIX_LIST, s3ServiceName } from './prefix-lists.ts';
import type { VpcEndpointRecord } from './records.ts';
import { needRouteTable } from './route-tables.ts';
import { find, need, nowText, type Simulation } from './simulation.ts';
import { tagList, tagsAtCreation } from './tags.ts';

/** Gateway endpoints of S3, the one kind there is here. */

const FULL_ACCESS = JSON.stringify({
  Version: '2008-10-17',
  Statement: [{ Effect: 'Allow', Principal: '*', Action: '*', Resource: '*' }],
});

/** The service model writes states with a capital letter, the service answers them without. */
type EndpointOutput = Omit<VpcEndpoint, 'State'> & { readonly State: 'available' };

function endpointOutput(sim: Simulation, endpoint: VpcEndpointRecord): EndpointOutput {
  return {
    VpcEndpointId: endpoint.id,
    VpcEndpointType: 'Gateway',
    VpcId: endpoint.vpcId,
    ServiceName: s3ServiceName(sim),
    State: 'available',
    PolicyDocument: endpoint.policy ?? FULL_ACCESS,
    RouteTableIds: [...endpoint.routeTableIds],
    SubnetIds: [],
    Groups: [],
    PrivateDnsEnabled: false,
    RequesterManaged: false,
    NetworkInterfaceIds: [],
    DnsEntries: [],
    CreationTimestamp: new Date(endpoint.createTime),
    OwnerId: sim.context.accountId,
    Tags: tagList(endpoint),
  };
}

/** @throws InvalidRouteTableID.NotFound, InvalidParameter, RouteAlreadyExists */
function checkRouteTable(sim: Simulation, id: string, vpcId: string): string {
  if (needRouteTable(sim, id).id !== vpcId)
    throw invalidParameter(`Route table ${id} belongs to a different VPC than ${vpcId}`);
  if (sim.state.vpcEndpoints.all().some(({ routeTableIds }) => routeTableIds.includes(id))) {
    throw new AwsError(
      'RouteAlreadyExists',
      `route table ${id} already has a route with destination-prefix-list-id ${S3_PREFIX_LIST}`,
    );
  }
  return id;
}

function prepareCreation(
  sim: Simulation,
  input: CreateVpcEndpointRequest,
): () => { readonly VpcEndpoint: EndpointOutput } {
  const vpc = need(sim, 'vpc', required(input.VpcId, 'vpcId'));
  const service = required(input.ServiceName, 'serviceName');
  if ((input.VpcEndpointType ?? 'Gateway') !== 'Gateway')
    throw notSimulated(`CreateVpcEndpoint: type ${input.VpcEndpointType}`);
  if (service !== s3ServiceName(sim)) {
    throw new AwsError('InvalidServiceName', `The Vpc Endpoint Service '${service}' does not exist`);
  }
  const routeTableIds = [...new Set(input.RouteTableIds ?? [])].map((id) => checkRouteTable(sim, id, vpc.id));
  const tags = tagsAtCreation(input.TagSpecifications, ['vpc-endpoint']);
  return () => {
    const endpoint = insertEndpoint(sim, {
      id: makeId('vpce'),
      vpcId: vpc.id,
      routeTableIds,
      tags: tags('vpc-endpoint'),
      ...(input.PolicyDocument ? { policy: input.PolicyDocument } : {}),
    });
    return { VpcEndpoint: endpointOutput(sim, endpoint) };
  };
}

export const insertEndpoint = (
  sim: Simulation,
  fields: Omit<VpcEndpointRecord, 'seq' | 'createTime'>,
): VpcEndpointRecord => sim.state.vpcEndpoints.insert({ ...fields, createTime: nowText(sim) });

function prepareDeletion(sim: Simulation, input: DeleteVpcEndpointsRequest): () => DeleteVpcEndpointsResult {
  const ids = required(input.VpcEndpointIds, 'vpcEndpointId');
  return () => {
    const missing = ids.filter((id) => !find(sim, 'vpcEndpoint', id));
    for (const id of ids) sim.state.vpcEndpoints.delete(id);
    return {
      Unsuccessful: missing.map((id) => {
        const { code, message } = RESOURCE_KINDS.vpcEndpoint.notFound([id]);
        return { ResourceId: id, Error: { Code: code, Message: message } };
      }),
    };
  };
}

export function vpcEndpointOperations(sim: Simulation): Operations {
  return {
    CreateVpcEndpoint: mutation<CreateVpcEndpointRequest, { readonly VpcEndpoint: EndpointOutput }>(
      sim,
      'CreateVpcEndpoint',
      ['VpcId', 'ServiceName', 'VpcEndpointType', 'RouteTableIds', 'PolicyDocument', 'TagSpecifications'],
      (input) => prepareCreation(sim, input),
    ),
    DeleteVpcEndpoints: mutation<DeleteVpcEndpointsRequest, DeleteVpcEndpointsResult>(
      sim,
      'DeleteVpcEndpoints',
      ['VpcEndpointIds'],
      (input) => prepareDeletion(sim, input),
    ),
    DescribeVpcEndpoints: query<DescribeVpcEndpointsRequest, { readonly VpcEndpoints: EndpointOutput[] }>(
      'DescribeVpcEndpoints',
      ['VpcEndpointIds', 'Filters', 'MaxResults', 'NextToken'],
      (input) => {
        const { page, ...token } = describe({
          kind: 'vpcEndpoint',
          items: sim.state.vpcEndpoints.all(),
          ids: input.VpcEndpointIds,
          request: input,
          filters: {
            'service-name': () => s3ServiceName(sim),
            'vpc-endpoint-id': (endpoint) => endpoint.id,
            'vpc-endpoint-state': () => 'available',
            'vpc-endpoint-type': () => 'Gateway',
            'vpc-id': (endpoint) => endpoint.vpcId,
          },
          tagsOf: (endpoint) => endpoint.tags,
        });
        return { VpcEndpoints: page.map((endpoint) => endpointOutput(sim, endpoint)), ...token };
      },
    ),
  };
}
