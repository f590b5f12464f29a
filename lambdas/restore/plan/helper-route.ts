import {
  DescribePrefixListsCommand,
  DescribeRouteTablesCommand,
  DescribeVpcAttributeCommand,
  type Route,
  type RouteTable,
  type Subnet,
} from '@aws-sdk/client-ec2';
import { ec2 } from '../../runtime/ec2.ts';
import { environment } from '../../runtime/step.ts';
import type { Findings } from './findings.ts';

const s3Service = (): string => `com.amazonaws.${environment().AWS_REGION}.s3`;

/** Id of the prefix list that stands for S3's addresses in this Region. */
export async function findS3PrefixList(findings: Findings): Promise<string | undefined> {
  const { PrefixLists = [] } = await ec2.send(
    new DescribePrefixListsCommand({ Filters: [{ Name: 'prefix-list-name', Values: [s3Service()] }] }),
  );
  const id = PrefixLists[0]?.PrefixListId;
  if (id === undefined) {
    findings.error(
      'strategy',
      'helper',
      `this Region has no prefix list ${s3Service()}, which the helper’s security group names`,
      'Use strategy upload',
    );
  }
  return id;
}

/** Looks whether an instance without a public address gets from the subnet to S3. */
export async function checkWayToS3(
  subnet: Subnet,
  { s3PrefixListId, findings }: { s3PrefixListId: string; findings: Findings },
): Promise<void> {
  const table = await routeTableOf(subnet);
  const way = wayToS3(table?.Routes ?? [], s3PrefixListId);
  const { SubnetId = '', VpcId = '' } = subnet;
  const tableId = table?.RouteTableId ?? '';
  const create = `aws ec2 create-vpc-endpoint --vpc-id ${VpcId} --service-name ${s3Service()} --route-table-ids ${tableId}`;
  if (way.kind === 'other') {
    findings.warning(
      'helper.subnetId',
      SubnetId,
      `gets to S3 by ${way.target} in its route table ${tableId}, where every GB may cost`,
      `A gateway endpoint is free: ${create}`,
    );
  }
  if (way.kind === 'none') {
    const only =
      way.internetGateway === undefined
        ? ''
        : `, only ${way.internetGateway}, and the helper has no public address`;
    findings.error(
      'helper.subnetId',
      SubnetId,
      `its route table ${tableId} has no way to S3${only}`,
      `Create a gateway endpoint for S3, which is free: ${create}`,
    );
  }
}

/** Looks whether names are resolved in the subnet's VPC: nothing but its own resolver is in reach of the helper. */
export async function checkNameResolution(
  { SubnetId = '', VpcId = '' }: Subnet,
  findings: Findings,
): Promise<void> {
  const { EnableDnsSupport } = await ec2.send(
    new DescribeVpcAttributeCommand({ VpcId, Attribute: 'enableDnsSupport' }),
  );
  if (EnableDnsSupport?.Value !== false) return;
  findings.error(
    'helper.subnetId',
    SubnetId,
    `its VPC ${VpcId} has no DNS resolution (enableDnsSupport), so the helper would not find S3`,
    `Turn it on: aws ec2 modify-vpc-attribute --vpc-id ${VpcId} --enable-dns-support, or give a subnet of another VPC`,
  );
}

/** The table that a subnet is associated with, else its VPC's main one. */
async function routeTableOf({ SubnetId = '', VpcId = '' }: Subnet): Promise<RouteTable | undefined> {
  const [own] = await routeTables([{ Name: 'association.subnet-id', Values: [SubnetId] }]);
  if (own) return own;
  const [main] = await routeTables([
    { Name: 'vpc-id', Values: [VpcId] },
    { Name: 'association.main', Values: ['true'] },
  ]);
  return main;
}

async function routeTables(filters: { Name: string; Values: string[] }[]): Promise<RouteTable[]> {
  const { RouteTables = [] } = await ec2.send(new DescribeRouteTablesCommand({ Filters: filters }));
  return RouteTables;
}

export type WayToS3 =
  | { readonly kind: 'endpoint'; readonly endpoint: string }
  | { readonly kind: 'other'; readonly target: string }
  | { readonly kind: 'none'; readonly internetGateway?: string };

/** By which route an instance without a public address gets to S3: its prefix list's own, else the default route. */
export function wayToS3(routes: readonly Route[], s3PrefixListId: string): WayToS3 {
  const active = routes.filter(({ State }) => State === 'active');
  const route =
    active.find(({ DestinationPrefixListId }) => DestinationPrefixListId === s3PrefixListId) ??
    active.find(({ DestinationCidrBlock }) => DestinationCidrBlock === '0.0.0.0/0');
  const target = route && targetOf(route);
  if (target === undefined) return { kind: 'none' };
  // A gateway endpoint; to a Gateway Load Balancer's, which is called alike, there is no prefix list's route.
  if (target.startsWith('vpce-') && route?.DestinationPrefixListId !== undefined) {
    return { kind: 'endpoint', endpoint: target };
  }
  if (target.startsWith('igw-')) return { kind: 'none', internetGateway: target };
  // Through a peering no gateway of the other VPC can be used (Amazon VPC Peering Guide, "edge to edge routing").
  return target.startsWith('pcx-') ? { kind: 'none' } : { kind: 'other', target };
}

const targetOf = (route: Route): string | undefined =>
  route.GatewayId ??
  route.NatGatewayId ??
  route.TransitGatewayId ??
  route.NetworkInterfaceId ??
  route.InstanceId ??
  route.VpcPeeringConnectionId ??
  route.LocalGatewayId ??
  route.CarrierGatewayId ??
  route.CoreNetworkArn;
