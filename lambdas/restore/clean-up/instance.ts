import { DescribeInstancesCommand, type Instance, TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import { awsErrorCode } from '../../runtime/aws-errors.ts';
import { ec2 } from '../../runtime/ec2.ts';
import { entryFilters } from '../../runtime/ledger.ts';
import { asked, notFound, type Removal, type Removing, whyNot } from './removal.ts';

/** Terminates the target; it is gone when EC2 says `terminated`, not when the call was accepted. */
export async function removeInstance(removing: Removing): Promise<Removal> {
  const { context, entry } = removing;
  const instance = await find(
    entry.resourceId === undefined
      ? { Filters: entryFilters(context, entry) }
      : { InstanceIds: [entry.resourceId] },
  );
  if (!instance?.InstanceId) return notFound(removing);
  if (instance.State?.Name === 'terminated') return { outcome: 'gone', resourceId: instance.InstanceId };
  const stays = whyNot(instance.Tags, removing);
  if (stays) return stays;
  if (instance.State?.Name !== 'shutting-down') {
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: [instance.InstanceId] }));
  }
  return asked;
}

async function find(by: {
  InstanceIds?: string[];
  Filters?: { Name: string; Values: string[] }[];
}): Promise<Instance | undefined> {
  try {
    const { Reservations = [] } = await ec2.send(new DescribeInstancesCommand(by));
    return Reservations[0]?.Instances?.[0];
  } catch (error) {
    if (awsErrorCode(error) === 'InvalidInstanceID.NotFound') return undefined;
    throw error;
  }
}
