import type {
  DescribeRouteTablesRequest,
  DescribeRouteTablesResult,
  Route,
  RouteTable,
} from '@aws-sdk/client-ec2';
import { AwsError } from '../service.ts';
import { makeFilter, paginate } from './filters.ts';
import { type Operations, query } from './operation.ts';
import { S3_PREFIX_LIST } from './prefix-lists.ts';
import type { VpcRecord } from './records.ts';
import type { Simulation } from './simulation.ts';

/*
 * Every VPC has its main route table and no other, so that every subnet uses that one. Nothing routes in the local
 * region: what the table tells is what there is, the VPC itself and the gateway endpoints of S3.
 */

export const routeTableId = (vpc: VpcRecord): string => vpc.id.replace('vpc-', 'rtb-');

function routesOf(sim: Simulation, vpc: VpcRecord): Route[] {
  const endpoints = sim.state.vpcEndpoints
    .all()
    .filter(({ routeTableIds }) => routeTableIds.includes(routeTableId(vpc)));
  return [
    {
      DestinationCidrBlock: vpc.cidr,
      GatewayId: 'local',
      Origin: 'CreateRouteTable',
      State: 'active',
    },
    ...endpoints.map(
      ({ id }): Route => ({
        DestinationPrefixListId: S3_PREFIX_LIST,
        GatewayId: id,
        Origin: 'CreateRoute',
        State: 'active',
      }),
    ),
  ];
}

function routeTableOutput(sim: Simulation, vpc: VpcRecord): RouteTable & { readonly Routes: Route[] } {
  const id = routeTableId(vpc);
  return {
    RouteTableId: id,
    VpcId: vpc.id,
    OwnerId: sim.context.accountId,
    Associations: [
      {
        Main: true,
        RouteTableId: id,
        RouteTableAssociationId: vpc.id.replace('vpc-', 'rtbassoc-'),
        AssociationState: { State: 'associated' },
      },
    ],
    PropagatingVgws: [],
    Routes: routesOf(sim, vpc),
    Tags: [],
  };
}

/** @throws InvalidRouteTableID.NotFound */
export function needRouteTable(sim: Simulation, id: string): VpcRecord {
  const vpc = sim.state.vpcs.all().find((each) => routeTableId(each) === id);
  if (vpc) return vpc;
  throw new AwsError('InvalidRouteTableID.NotFound', `The routeTable ID '${id}' does not exist`);
}

export function routeTableOperations(sim: Simulation): Operations {
  return {
    DescribeRouteTables: query<DescribeRouteTablesRequest, DescribeRouteTablesResult>(
      'DescribeRouteTables',
      ['RouteTableIds', 'Filters', 'MaxResults', 'NextToken'],
      (input) => {
        const ids = input.RouteTableIds ?? [];
        for (const id of ids) needRouteTable(sim, id);
        const tables = sim.state.vpcs
          .all()
          .map((vpc) => ({ seq: vpc.seq, table: routeTableOutput(sim, vpc) }))
          .filter(({ table }) => ids.length === 0 || ids.some((id) => id === table.RouteTableId));
        const passes = makeFilter(input.Filters, {
          'association.main': () => true,
          'association.route-table-id': ({ table }: (typeof tables)[number]) => table.RouteTableId,
          // Subnets use the main table without being associated with it.
          'association.subnet-id': () => undefined,
          'owner-id': ({ table }) => table.OwnerId,
          'route-table-id': ({ table }) => table.RouteTableId,
          'route.destination-cidr-block': ({ table }) =>
            table.Routes.map((route) => route.DestinationCidrBlock),
          'route.destination-prefix-list-id': ({ table }) =>
            table.Routes.map((route) => route.DestinationPrefixListId),
          'route.gateway-id': ({ table }) => table.Routes.map((route) => route.GatewayId),
          'route.state': ({ table }) => table.Routes.map((route) => route.State),
          'vpc-id': ({ table }) => table.VpcId,
        });
        const { page, ...token } = paginate(tables.filter(passes), input, { seqOf: ({ seq }) => seq });
        return { RouteTables: page.map(({ table }) => table), ...token };
      },
    ),
  };
}
