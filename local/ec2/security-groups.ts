import type {
  CreateSecurityGroupRequest,
  CreateSecurityGroupResult,
  DeleteSecurityGroupRequest,
  DeleteSecurityGroupResult,
  DescribeSecurityGroupsRequest,
  DescribeSecurityGroupsResult,
  GroupIdentifier,
  SecurityGroup,
} from '@aws-sdk/client-ec2';
import { AwsError } from '../service.ts';
import { dependencyViolation, invalidParameter, invalidValue, required } from './errors.ts';
import { describe } from './filters.ts';
import { makeId } from './ids.ts';
import { mutation, type Operations, query } from './operation.ts';
import type { SecurityGroupRecord, SecurityGroupRuleRecord } from './records.ts';
import { permissionsOf } from './security-group-rules.ts';
import { find, need, needAll, type Simulation } from './simulation.ts';
import { tagList, tagsAtCreation } from './tags.ts';

/** Name and description: up to 255 of these characters; a name must not begin with `sg-`. */
const TEXT_FORM = /^[a-zA-Z0-9. _\-:/()#,@[\]+=&;{}!$*]{1,255}$/;

/** Makes a group with the rule that EC2 gives every new group: all traffic may leave. */
export function insertSecurityGroup(
  sim: Simulation,
  group: Omit<SecurityGroupRecord, 'seq'>,
): SecurityGroupRecord {
  const record = sim.state.securityGroups.insert(group);
  sim.state.securityGroupRules.insert({
    id: makeId('sgr'),
    groupId: group.id,
    egress: true,
    protocol: '-1',
    fromPort: -1,
    toPort: -1,
    cidrIpv4: '0.0.0.0/0',
    tags: [],
  });
  return record;
}

export function removeSecurityGroup(sim: Simulation, groupId: string): void {
  for (const rule of rulesOf(sim, groupId)) sim.state.securityGroupRules.delete(rule.id);
  sim.state.securityGroups.delete(groupId);
}

const rulesOf = (sim: Simulation, groupId: string): SecurityGroupRuleRecord[] =>
  sim.state.securityGroupRules.all().filter((rule) => rule.groupId === groupId);

/** Groups as instances and interfaces show them. */
export const groupIdentifiers = (sim: Simulation, ids: readonly string[]): GroupIdentifier[] =>
  ids.map((id) => ({ GroupId: id, GroupName: find(sim, 'securityGroup', id)?.name ?? '' }));

function defaultGroupId(sim: Simulation, vpcId: string): string {
  const group = sim.state.securityGroups
    .all()
    .find((each) => each.vpcId === vpcId && each.name === 'default');
  if (!group) throw new Error(`VPC ${vpcId} has no default security group`);
  return group.id;
}

/**
 * The groups that an interface in `vpcId` is to have.
 * @throws InvalidGroup.NotFound, InvalidParameter when a group is of another VPC, SecurityGroupsPerInterfaceLimitExceeded
 */
export function chooseGroups(
  sim: Simulation,
  options: {
    readonly vpcId: string;
    readonly subnetId: string;
    readonly ids?: readonly string[] | undefined;
    readonly names?: readonly string[] | undefined;
  },
): string[] {
  const { vpcId, subnetId, ids = [], names = [] } = options;
  const byName = names.map((name) => needGroupByName(sim, vpcId, name).id);
  const groups = needAll(sim, 'securityGroup', [...new Set([...ids, ...byName])]);
  for (const group of groups) {
    if (group.vpcId === vpcId) continue;
    throw invalidParameter(`Security group ${group.id} and subnet ${subnetId} belong to different networks.`);
  }
  // AWS's default quota of groups per interface.
  if (groups.length > 5) {
    throw new AwsError(
      'SecurityGroupsPerInterfaceLimitExceeded',
      'The maximum number of security groups per interface has been reached.',
    );
  }
  return groups.length > 0 ? groups.map((group) => group.id) : [defaultGroupId(sim, vpcId)];
}

function needGroupByName(sim: Simulation, vpcId: string, name: string): SecurityGroupRecord {
  const group = sim.state.securityGroups.all().find((each) => each.vpcId === vpcId && each.name === name);
  if (!group) {
    throw new AwsError(
      'InvalidGroup.NotFound',
      `The security group '${name}' does not exist in VPC '${vpcId}'`,
    );
  }
  return group;
}

function groupOutput(sim: Simulation, group: SecurityGroupRecord): SecurityGroup {
  const { accountId, region } = sim.context;
  const rules = rulesOf(sim, group.id);
  return {
    GroupId: group.id,
    GroupName: group.name,
    Description: group.description,
    OwnerId: accountId,
    VpcId: group.vpcId,
    SecurityGroupArn: `arn:aws:ec2:${region}:${accountId}:security-group/${group.id}`,
    IpPermissions: permissionsOf(
      sim,
      rules.filter((rule) => !rule.egress),
    ),
    IpPermissionsEgress: permissionsOf(
      sim,
      rules.filter((rule) => rule.egress),
    ),
    Tags: tagList(group),
  };
}

function checkDeletable(sim: Simulation, group: SecurityGroupRecord): void {
  if (group.name === 'default') {
    throw new AwsError(
      'CannotDelete',
      `the specified group: "${group.id}" name: "default" cannot be deleted by a user`,
    );
  }
  const used = sim.state.networkInterfaces.all().some((each) => each.groupIds.includes(group.id));
  const referenced = sim.state.securityGroupRules
    .all()
    .some((rule) => rule.referencedGroupId === group.id && rule.groupId !== group.id);
  if (used || referenced) throw dependencyViolation(`resource ${group.id} has a dependent object`);
}

function checkNewGroup(sim: Simulation, group: { name: string; description: string; vpcId: string }): void {
  const { name, description, vpcId } = group;
  if (!TEXT_FORM.test(name) || name.startsWith('sg-')) {
    throw invalidValue(`Value (${name}) for parameter GroupName is invalid.`);
  }
  if (!TEXT_FORM.test(description)) {
    throw invalidValue(`Value (${description}) for parameter GroupDescription is invalid.`);
  }
  if (sim.state.securityGroups.all().some((each) => each.vpcId === vpcId && each.name === name)) {
    throw new AwsError(
      'InvalidGroup.Duplicate',
      `The security group '${name}' already exists for VPC '${vpcId}'`,
    );
  }
}

function defaultVpcId(sim: Simulation): string {
  const vpc = sim.state.vpcs.all().find((each) => each.isDefault);
  if (!vpc) throw new AwsError('VPCIdNotSpecified', 'No default VPC for this user');
  return vpc.id;
}

export function securityGroupOperations(sim: Simulation): Operations {
  return {
    CreateSecurityGroup: mutation<CreateSecurityGroupRequest, CreateSecurityGroupResult>(
      sim,
      'CreateSecurityGroup',
      ['GroupName', 'Description', 'VpcId', 'TagSpecifications'],
      (input) => {
        const name = required(input.GroupName, 'GroupName');
        const description = required(input.Description, 'GroupDescription');
        const vpcId = input.VpcId ? need(sim, 'vpc', input.VpcId).id : defaultVpcId(sim);
        checkNewGroup(sim, { name, description, vpcId });
        const tags = tagsAtCreation(input.TagSpecifications, ['security-group']);
        return () => {
          const id = makeId('sg');
          const group = insertSecurityGroup(sim, {
            id,
            name,
            description,
            vpcId,
            tags: tags('security-group'),
          });
          return {
            GroupId: id,
            Tags: tagList(group),
            SecurityGroupArn: `arn:aws:ec2:${sim.context.region}:${sim.context.accountId}:security-group/${id}`,
          };
        };
      },
    ),
    DeleteSecurityGroup: mutation<DeleteSecurityGroupRequest, DeleteSecurityGroupResult>(
      sim,
      'DeleteSecurityGroup',
      ['GroupId', 'GroupName'],
      (input) => {
        const group = input.GroupId
          ? need(sim, 'securityGroup', input.GroupId)
          : needGroupByName(sim, defaultVpcId(sim), required(input.GroupName, 'GroupName'));
        checkDeletable(sim, group);
        return () => {
          removeSecurityGroup(sim, group.id);
          return { Return: true, GroupId: group.id };
        };
      },
    ),
    DescribeSecurityGroups: query<DescribeSecurityGroupsRequest, DescribeSecurityGroupsResult>(
      'DescribeSecurityGroups',
      ['GroupIds', 'GroupNames', 'Filters', 'MaxResults', 'NextToken'],
      (input) => {
        const named = (input.GroupNames ?? []).map(
          (name) => needGroupByName(sim, defaultVpcId(sim), name).id,
        );
        const ids = [...(input.GroupIds ?? []), ...named];
        const { page, ...token } = describe({
          kind: 'securityGroup',
          items: sim.state.securityGroups.all(),
          ids,
          request: input,
          filters: {
            description: (group) => group.description,
            'group-id': (group) => group.id,
            'group-name': (group) => group.name,
            'owner-id': () => sim.context.accountId,
            'vpc-id': (group) => group.vpcId,
          },
          tagsOf: (group) => group.tags,
        });
        return { SecurityGroups: page.map((group) => groupOutput(sim, group)), ...token };
      },
    ),
  };
}
