import {
  AssociateIamInstanceProfileCommand,
  DescribeIamInstanceProfileAssociationsCommand,
  DescribeInstancesCommand,
  ModifyInstanceAttributeCommand,
  ModifyNetworkInterfaceAttributeCommand,
} from '@aws-sdk/client-ec2';
import { ec2 } from '../runtime/ec2.ts';
import { readPlan, resourceOf, restoreContextSchema } from '../runtime/ledger.ts';
import { makeStep } from '../runtime/step.ts';

/**
 * Gives the stopped target what it was launched without: its security groups and its instance profile. It is done
 * before the disks are there, so that a refusal shows early; the target does not run again before they are.
 */
export const handler = makeStep(restoreContextSchema, async (context) => {
  const plan = await readPlan(context);
  const InstanceId = await resourceOf(context, { kind: 'instance', name: 'target' });
  await setSecurityGroups(InstanceId, plan.target.securityGroupIds);
  if (!plan.target.sourceDestCheck) {
    await ec2.send(new ModifyInstanceAttributeCommand({ InstanceId, SourceDestCheck: { Value: false } }));
  }
  await setProfile(InstanceId, plan.target.iamInstanceProfile);
  return { instanceId: InstanceId };
});

async function setSecurityGroups(InstanceId: string, Groups: string[]): Promise<void> {
  const { Reservations = [] } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [InstanceId] }));
  for (const { NetworkInterfaceId } of Reservations[0]?.Instances?.[0]?.NetworkInterfaces ?? []) {
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
