import { S3_PREFIX_LIST } from './prefix-lists.ts';
import type { InstanceRecord, SecurityGroupRuleRecord } from './records.ts';
import { routeTableId } from './route-tables.ts';
import { find, interfacesOf, type Simulation } from './simulation.ts';

const HTTPS = 443;

/**
 * What keeps an instance from S3: no gateway endpoint among the routes of its subnet (there is no other way out of a
 * subnet here), or no rule that lets it out. Undefined when nothing does.
 */
export function obstacleToS3(sim: Simulation, instance: InstanceRecord): string | undefined {
  const vpc = find(sim, 'vpc', instance.vpcId);
  const table = vpc && routeTableId(vpc);
  const hasRoute = sim.state.vpcEndpoints
    .all()
    .some(({ routeTableIds }) => routeTableIds.some((id) => id === table));
  if (!hasRoute) return `there is no route to S3 in ${table}`;
  const groups = interfacesOf(sim, instance.id).flatMap(({ groupIds }) => groupIds);
  const rules = sim.state.securityGroupRules.all().filter(({ groupId }) => groups.includes(groupId));
  return rules.some(letsOutToS3) ? undefined : `no rule of ${groups.join(', ')} lets it out to S3`;
}

function letsOutToS3({
  egress,
  protocol,
  fromPort,
  toPort,
  prefixListId,
  cidrIpv4,
}: SecurityGroupRuleRecord): boolean {
  const isHttps = protocol === '-1' || (protocol === 'tcp' && fromPort <= HTTPS && HTTPS <= toPort);
  return egress && isHttps && (prefixListId === S3_PREFIX_LIST || cidrIpv4 === '0.0.0.0/0');
}
