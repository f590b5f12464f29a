import type {
  AuthorizeSecurityGroupEgressRequest,
  AuthorizeSecurityGroupIngressRequest,
  AuthorizeSecurityGroupIngressResult,
  DescribeSecurityGroupRulesRequest,
  DescribeSecurityGroupRulesResult,
  IpPermission,
  RevokeSecurityGroupEgressRequest,
  RevokeSecurityGroupIngressRequest,
  RevokeSecurityGroupIngressResult,
  SecurityGroupRule,
} from '@aws-sdk/client-ec2';
import { AwsError } from '../service.ts';
import { parseCidr } from './cidr.ts';
import { invalidValue, missingParameter, required } from './errors.ts';
import { describe } from './filters.ts';
import { makeId } from './ids.ts';
import { acceptOnly, mutation, type Operations, query } from './operation.ts';
import { checkPrefixList } from './prefix-lists.ts';
import type { SecurityGroupRuleRecord } from './records.ts';
import { find, need, needAll, type Simulation } from './simulation.ts';
import { tagList, tagsAtCreation } from './tags.ts';

type RuleFields = Omit<SecurityGroupRuleRecord, 'id' | 'seq' | 'tags' | 'groupId' | 'egress'>;

const PROTOCOL_NAMES: Readonly<Record<string, string>> = {
  '6': 'tcp',
  '17': 'udp',
  '1': 'icmp',
  '58': 'icmpv6',
};

/** One rule for each range, prefix list or group of the permissions. @throws InvalidParameterValue and the like */
function parsePermissions(sim: Simulation, permissions: readonly IpPermission[]): RuleFields[] {
  return permissions.flatMap((permission) => {
    const ports = parsePorts(permission);
    const described = (description: string | undefined) => (description ? { description } : {});
    const rules: RuleFields[] = [
      ...(permission.IpRanges ?? []).map((range) => ({
        ...ports,
        cidrIpv4: checkCidr(required(range.CidrIp, 'cidrIp')),
        ...described(range.Description),
      })),
      ...(permission.Ipv6Ranges ?? []).map((range) => ({
        ...ports,
        cidrIpv6: required(range.CidrIpv6, 'cidrIpv6'),
        ...described(range.Description),
      })),
      ...(permission.PrefixListIds ?? []).map((list) => ({
        ...ports,
        prefixListId: checkPrefixList(required(list.PrefixListId, 'prefixListId')),
        ...described(list.Description),
      })),
      ...(permission.UserIdGroupPairs ?? []).map((pair) => {
        acceptOnly(pair, ['GroupId', 'UserId', 'VpcId', 'Description'], 'UserIdGroupPair');
        const groupId = need(sim, 'securityGroup', required(pair.GroupId, 'groupId')).id;
        return { ...ports, referencedGroupId: groupId, ...described(pair.Description) };
      }),
    ];
    if (rules.length === 0) throw missingParameter('source');
    return rules;
  });
}

function parsePorts(permission: IpPermission): { protocol: string; fromPort: number; toPort: number } {
  const asked = required(permission.IpProtocol, 'ipProtocol');
  const protocol = PROTOCOL_NAMES[asked] ?? asked;
  if (!/^(?:-1|tcp|udp|icmp|icmpv6|\d{1,3})$/.test(protocol)) {
    throw invalidValue(`Invalid value '${asked}' for IP protocol. Unknown protocol.`);
  }
  if (protocol === '-1') return { protocol, fromPort: -1, toPort: -1 };
  const { FromPort: fromPort, ToPort: toPort } = permission;
  const needsPorts = protocol === 'tcp' || protocol === 'udp';
  if (needsPorts && (fromPort === undefined || toPort === undefined)) {
    throw invalidValue(`Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.`);
  }
  const range = { protocol, fromPort: fromPort ?? -1, toPort: toPort ?? -1 };
  if (needsPorts && (range.fromPort > range.toPort || range.fromPort < 0 || range.toPort > 65_535)) {
    throw invalidValue(`Invalid TCP/UDP port range (${range.fromPort}:${range.toPort})`);
  }
  return range;
}

function checkCidr(text: string): string {
  if (!parseCidr(text)) throw invalidValue(`CIDR block ${text} is malformed`);
  return text;
}

const isSameRule = (a: RuleFields, b: RuleFields): boolean =>
  a.protocol === b.protocol &&
  a.fromPort === b.fromPort &&
  a.toPort === b.toPort &&
  a.cidrIpv4 === b.cidrIpv4 &&
  a.cidrIpv6 === b.cidrIpv6 &&
  a.prefixListId === b.prefixListId &&
  a.referencedGroupId === b.referencedGroupId;

/** Rules gathered as DescribeSecurityGroups shows them: by protocol and ports. */
export function permissionsOf(sim: Simulation, rules: readonly SecurityGroupRuleRecord[]): IpPermission[] {
  const groups = Map.groupBy(rules, (rule) => `${rule.protocol} ${rule.fromPort} ${rule.toPort}`);
  const described = (rule: SecurityGroupRuleRecord) =>
    rule.description ? { Description: rule.description } : {};
  return [...groups.values()].map((members) => ({
    IpProtocol: members[0]?.protocol,
    ...(members[0]?.protocol === '-1' ? {} : { FromPort: members[0]?.fromPort, ToPort: members[0]?.toPort }),
    IpRanges: members.flatMap((rule) =>
      rule.cidrIpv4 ? [{ CidrIp: rule.cidrIpv4, ...described(rule) }] : [],
    ),
    Ipv6Ranges: members.flatMap((rule) =>
      rule.cidrIpv6 ? [{ CidrIpv6: rule.cidrIpv6, ...described(rule) }] : [],
    ),
    PrefixListIds: members.flatMap((rule) =>
      rule.prefixListId ? [{ PrefixListId: rule.prefixListId, ...described(rule) }] : [],
    ),
    UserIdGroupPairs: members.flatMap((rule) =>
      rule.referencedGroupId
        ? [{ GroupId: rule.referencedGroupId, UserId: sim.context.accountId, ...described(rule) }]
        : [],
    ),
  }));
}

function ruleOutput(sim: Simulation, rule: SecurityGroupRuleRecord): SecurityGroupRule {
  const { accountId, region } = sim.context;
  const referenced = rule.referencedGroupId && find(sim, 'securityGroup', rule.referencedGroupId);
  return {
    SecurityGroupRuleId: rule.id,
    GroupId: rule.groupId,
    GroupOwnerId: accountId,
    IsEgress: rule.egress,
    IpProtocol: rule.protocol,
    FromPort: rule.fromPort,
    ToPort: rule.toPort,
    SecurityGroupRuleArn: `arn:aws:ec2:${region}:${accountId}:security-group-rule/${rule.id}`,
    Tags: tagList(rule),
    ...(rule.cidrIpv4 ? { CidrIpv4: rule.cidrIpv4 } : {}),
    ...(rule.cidrIpv6 ? { CidrIpv6: rule.cidrIpv6 } : {}),
    ...(rule.prefixListId ? { PrefixListId: rule.prefixListId } : {}),
    ...(rule.description ? { Description: rule.description } : {}),
    ...(referenced
      ? { ReferencedGroupInfo: { GroupId: referenced.id, UserId: accountId, VpcId: referenced.vpcId } }
      : {}),
  };
}

interface RulesRequest {
  readonly GroupId?: string | undefined;
  readonly IpPermissions?: readonly IpPermission[] | undefined;
  readonly IpProtocol?: string | undefined;
  readonly FromPort?: number | undefined;
  readonly ToPort?: number | undefined;
  readonly CidrIp?: string | undefined;
}

/** The permissions of a request, which may also come in the old form of one rule spread over the request. */
function askedPermissions(request: RulesRequest): readonly IpPermission[] {
  if (request.IpPermissions && request.IpPermissions.length > 0) return request.IpPermissions;
  return [
    {
      IpProtocol: required(request.IpProtocol, 'ipPermissions'),
      FromPort: request.FromPort,
      ToPort: request.ToPort,
      IpRanges: [{ CidrIp: required(request.CidrIp, 'cidrIp') }],
    },
  ];
}

const rulesOf = (sim: Simulation, groupId: string, egress: boolean): SecurityGroupRuleRecord[] =>
  sim.state.securityGroupRules.all().filter((rule) => rule.groupId === groupId && rule.egress === egress);

function describeRule(rule: RuleFields): string {
  const peer = rule.cidrIpv4 ?? rule.cidrIpv6 ?? rule.prefixListId ?? rule.referencedGroupId;
  return `peer: ${peer}, ${rule.protocol}, from port: ${rule.fromPort}, to port: ${rule.toPort}, ALLOW`;
}

function prepareAuthorize(
  sim: Simulation,
  input: AuthorizeSecurityGroupEgressRequest,
  egress: boolean,
): () => AuthorizeSecurityGroupIngressResult {
  const group = need(sim, 'securityGroup', required(input.GroupId, 'groupId'));
  const rules = parsePermissions(sim, askedPermissions(input));
  const present = rulesOf(sim, group.id, egress);
  for (const rule of rules) {
    if (!present.some((each) => isSameRule(each, rule))) continue;
    throw new AwsError(
      'InvalidPermission.Duplicate',
      `the specified rule "${describeRule(rule)}" already exists`,
    );
  }
  const tags = tagsAtCreation(input.TagSpecifications, ['security-group-rule']);
  return () => ({
    Return: true,
    SecurityGroupRules: rules.map((rule) =>
      ruleOutput(
        sim,
        sim.state.securityGroupRules.insert({
          ...rule,
          id: makeId('sgr'),
          groupId: group.id,
          egress,
          tags: tags('security-group-rule'),
        }),
      ),
    ),
  });
}

function prepareRevoke(
  sim: Simulation,
  input: RevokeSecurityGroupEgressRequest,
  egress: boolean,
): () => RevokeSecurityGroupIngressResult {
  const group = need(sim, 'securityGroup', required(input.GroupId, 'groupId'));
  const ids = input.SecurityGroupRuleIds ?? [];
  const present = rulesOf(sim, group.id, egress);
  const doomed =
    ids.length > 0
      ? needAll(sim, 'securityGroupRule', ids)
      : parsePermissions(sim, askedPermissions(input)).map((wanted) => {
          const rule = present.find((each) => isSameRule(each, wanted));
          if (rule) return rule;
          throw new AwsError(
            'InvalidPermission.NotFound',
            'The specified rule does not exist in this security group.',
          );
        });
  return () => {
    for (const rule of doomed) sim.state.securityGroupRules.delete(rule.id);
    return { Return: true };
  };
}

const OLD_FORM = ['IpProtocol', 'FromPort', 'ToPort', 'CidrIp'] as const;

export function securityGroupRuleOperations(sim: Simulation): Operations {
  return {
    AuthorizeSecurityGroupIngress: mutation<
      AuthorizeSecurityGroupIngressRequest,
      AuthorizeSecurityGroupIngressResult
    >(
      sim,
      'AuthorizeSecurityGroupIngress',
      ['GroupId', 'IpPermissions', 'TagSpecifications', ...OLD_FORM],
      (input) => prepareAuthorize(sim, { ...input, GroupId: input.GroupId }, false),
    ),
    AuthorizeSecurityGroupEgress: mutation<
      AuthorizeSecurityGroupEgressRequest,
      AuthorizeSecurityGroupIngressResult
    >(
      sim,
      'AuthorizeSecurityGroupEgress',
      ['GroupId', 'IpPermissions', 'TagSpecifications', ...OLD_FORM],
      (input) => prepareAuthorize(sim, input, true),
    ),
    RevokeSecurityGroupIngress: mutation<RevokeSecurityGroupIngressRequest, RevokeSecurityGroupIngressResult>(
      sim,
      'RevokeSecurityGroupIngress',
      ['GroupId', 'IpPermissions', 'SecurityGroupRuleIds', ...OLD_FORM],
      (input) => prepareRevoke(sim, { ...input, GroupId: input.GroupId }, false),
    ),
    RevokeSecurityGroupEgress: mutation<RevokeSecurityGroupEgressRequest, RevokeSecurityGroupIngressResult>(
      sim,
      'RevokeSecurityGroupEgress',
      ['GroupId', 'IpPermissions', 'SecurityGroupRuleIds', ...OLD_FORM],
      (input) => prepareRevoke(sim, input, true),
    ),
    DescribeSecurityGroupRules: query<DescribeSecurityGroupRulesRequest, DescribeSecurityGroupRulesResult>(
      'DescribeSecurityGroupRules',
      ['SecurityGroupRuleIds', 'Filters', 'MaxResults', 'NextToken'],
      (input) => {
        const { page, ...token } = describe({
          kind: 'securityGroupRule',
          items: sim.state.securityGroupRules.all(),
          ids: input.SecurityGroupRuleIds,
          request: input,
          filters: {
            'group-id': (rule) => rule.groupId,
            'security-group-rule-id': (rule) => rule.id,
          },
          tagsOf: (rule) => rule.tags,
        });
        return { SecurityGroupRules: page.map((rule) => ruleOutput(sim, rule)), ...token };
      },
    ),
  };
}
