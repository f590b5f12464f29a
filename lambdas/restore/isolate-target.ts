import { CreateSecurityGroupCommand, RevokeSecurityGroupEgressCommand } from '@aws-sdk/client-ec2';
import { NotVisible } from '../runtime/aws-errors.ts';
import { describeSecurityGroup } from '../runtime/describe.ts';
import { ec2, ec2Once } from '../runtime/ec2.ts';
import { clientToken, makeOnce, markReady, readPlan, restoreContextSchema } from '../runtime/ledger.ts';
import { makeStep } from '../runtime/step.ts';
import { plannedTarget } from './target/planned.ts';

const entry = { kind: 'security-group', name: 'isolated' } as const;

/**
 * Creates the security group the target is launched in: no traffic in or out, so that whatever the launch image
 * starts reaches nobody. A group's name is unique in its VPC, which makes a second try find the first one's.
 */
export const handler = makeStep(restoreContextSchema, async (context) => {
  const plan = await readPlan(context);
  const { vpcId } = plannedTarget(plan);
  const GroupName = `landfall-${clientToken(context, entry)}`;
  const named = [
    { Name: 'vpc-id', Values: [vpcId] },
    { Name: 'group-name', Values: [GroupName] },
  ];
  const groupId = await makeOnce({
    context,
    entry,
    step: 'isolate-target',
    find: async () => (await describeSecurityGroup({ filters: named }))?.GroupId,
    create: async ({ tags }) => {
      const { GroupId } = await ec2Once.send(
        new CreateSecurityGroupCommand({
          GroupName,
          Description: `landfall restore ${plan.restoreId}: no traffic`,
          VpcId: vpcId,
          TagSpecifications: [{ ResourceType: 'security-group', Tags: tags }],
        }),
      );
      return GroupId ?? '';
    },
  });
  await revokeEgress(groupId);
  await markReady(context, entry);
  return { groupId };
});

/** A new group lets everything out; this takes away whatever rule is still there. */
async function revokeEgress(groupId: string): Promise<void> {
  const group = await describeSecurityGroup({ id: groupId });
  if (!group) throw new NotVisible(`security group ${groupId} is not visible yet`);
  const rules = group.IpPermissionsEgress ?? [];
  if (rules.length === 0) return;
  await ec2.send(new RevokeSecurityGroupEgressCommand({ GroupId: groupId, IpPermissions: rules }));
}
