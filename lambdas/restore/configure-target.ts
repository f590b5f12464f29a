import {
  AssociateIamInstanceProfileCommand,
  DescribeIamInstanceProfileAssociationsCommand,
  ModifyInstanceAttributeCommand,
  ModifyNetworkInterfaceAttributeCommand,
} from '@aws-sdk/client-ec2';
import { NotVisible } from '../runtime/aws-errors.ts';
import { describeInstance } from '../runtime/describe.ts';
import { ec2 } from '../runtime/ec2.ts';
import { readPlan, resourceOf, restoreContextSchema } from '../runtime/ledger.ts';
import { makeStep } from '../runtime/step.ts';
import { plannedTarget } from './target/planned.ts';

/**
 * Gives the stopped target what it was launched without: its security groups and its instance profile. It is done
 * before the disks are there, so that a refusal shows early; the target does not run again before they are.
 */
export const handler = makeStep(restoreContextSchema, async (context) => {
  const target = plannedTarget(await readPlan(context));
  const InstanceId = await resourceOf(context, { kind: 'instance', name: 'target' });
  await setSecurityGroups(InstanceId, target.securityGroupIds);
  if (!target.sourceDestCheck) {
    await ec2.send(new ModifyInstanceAttributeCommand({ InstanceId, SourceDestCheck: { Value: false } }));
  }
  await setProfile(InstanceId, target.iamInstanceProfile);
  return { instanceId: InstanceId };
});

async function setSecurityGroups(InstanceId: string, Groups: string[]): Promise<void> {
  const { NetworkInterfaces = [] } = (await describeInstance({ id: InstanceId })) ?? {};
  // Without its interface the target would keep the isolated group, and nobody could reach it.
  if (NetworkInterfaces.length === 0) {
    throw new NotVisible(`the network interface of target ${InstanceId} is not visible yet`);
  }
  for (const { NetworkInterfaceId } of NetworkInterfaces) {
    await ec2.send(new ModifyNetworkInterfaceAttributeCommand({ NetworkInterfaceId, Groups }));
  }
}

async function setProfile(InstanceId: string, Name: string | undefined): Promise<void> {
  if (Name === undefined) return;
  const { IamInstanceProfileAssociations = [] } = await ec2.send(
    new DescribeIamInstanceProfileAssociationsCommand({
      Filters: [{ Name: 'instance-id', Values: [InstanceId] }],
    }),
  );
  if (IamInstanceProfileAssociations.length > 0) return;
  await ec2.send(new AssociateIamInstanceProfileCommand({ InstanceId, IamInstanceProfile: { Name } }));
}
