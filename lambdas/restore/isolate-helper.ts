import {
  AuthorizeSecurityGroupEgressCommand,
  CreateSecurityGroupCommand,
  type IpPermission,
  RevokeSecurityGroupEgressCommand,
} from '@aws-sdk/client-ec2';
import { awsErrorCode, NotVisible } from '../runtime/aws-errors.ts';
import { describeSecurityGroup, describeSubnet } from '../runtime/describe.ts';
import { ec2, ec2Once } from '../runtime/ec2.ts';
import { clientToken, makeOnce, markReady, readPlan, restoreContextSchema } from '../runtime/ledger.ts';
import { makeStep } from '../runtime/step.ts';
import { plannedHelper } from './helper/planned.ts';

const entry = { kind: 'security-group', name: 'helper' } as const;

/**
 * Creates the helper's security group: nothing comes in, and out goes only TLS to S3, where its orders and the
 * repository are. Where the request names groups, it uses those.
 */
export const handler = makeStep(restoreContextSchema, async (context) => {
  const plan = await readPlan(context);
  const { subnetId, securityGroupIds, s3PrefixListId } = plannedHelper(plan);
  if (securityGroupIds) return { groupIds: securityGroupIds };
  const GroupName = `landfall-${clientToken(context, entry)}`;
  // Not always the target's VPC: only the zone must be the same.
  const vpcId = (await describeSubnet(subnetId))?.VpcId;
  if (vpcId === undefined) throw new NotVisible(`subnet ${subnetId} of the helper is not to be seen`);
  const named = [
    { Name: 'vpc-id', Values: [vpcId] },
    { Name: 'group-name', Values: [GroupName] },
  ];
  const groupId = await makeOnce({
    context,
    entry,
    step: 'isolate-helper',
    role: 'helper',
    find: async () => (await describeSecurityGroup({ filters: named }))?.GroupId,
    create: async ({ tags }) => {
      const { GroupId } = await ec2Once.send(
        new CreateSecurityGroupCommand({
          GroupName,
          Description: `landfall restore ${plan.restoreId}: helper, out to S3 only`,
          VpcId: vpcId,
          TagSpecifications: [{ ResourceType: 'security-group', Tags: tags }],
        }),
      );
      return GroupId ?? '';
    },
  });
  await letOutOnly(groupId, s3PrefixListId);
  await markReady(context, entry);
  return { groupIds: [groupId] };
});

/** A new group lets everything out. What EC2 shows may lag behind what an earlier try changed. */
async function letOutOnly(groupId: string, prefixListId: string): Promise<void> {
  const group = await describeSecurityGroup({ id: groupId });
  if (!group) throw new NotVisible(`security group ${groupId} is not visible yet`);
  const rules = group.IpPermissionsEgress ?? [];
  const wanted = rules.find((rule) => isTlsTo(rule, prefixListId));
  const others = rules.filter((rule) => rule !== wanted);
  if (others.length > 0) {
    await ec2
      .send(new RevokeSecurityGroupEgressCommand({ GroupId: groupId, IpPermissions: others }))
      .catch(unless('InvalidPermission.NotFound'));
  }
  if (wanted) return;
  const rule = {
    IpProtocol: 'tcp',
    FromPort: 443,
    ToPort: 443,
    PrefixListIds: [{ PrefixListId: prefixListId, Description: 'S3' }],
  };
  await ec2
    .send(new AuthorizeSecurityGroupEgressCommand({ GroupId: groupId, IpPermissions: [rule] }))
    .catch(unless('InvalidPermission.Duplicate'));
}

/** Whether a rule lets out to this prefix list, and nowhere else. */
function isTlsTo(rule: IpPermission, prefixListId: string): boolean {
  const { IpRanges = [], Ipv6Ranges = [], PrefixListIds = [], UserIdGroupPairs = [] } = rule;
  return (
    rule.IpProtocol === 'tcp' &&
    rule.FromPort === 443 &&
    rule.ToPort === 443 &&
    IpRanges.length + Ipv6Ranges.length + UserIdGroupPairs.length === 0 &&
    PrefixListIds.length === 1 &&
    PrefixListIds[0]?.PrefixListId === prefixListId
  );
}

const unless =
  (code: string) =>
  (error: unknown): void => {
    if (awsErrorCode(error) !== code) throw error;
  };
