import { DescribeInstancesCommand, type Instance, TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import { awsErrorCode } from '../../runtime/aws-errors.ts';
import { ec2 } from '../../runtime/ec2.ts';
import { entryFilters } from '../../runtime/ledger.ts';
import { going, gone, kept, type Removal, type Removing, unansweredIntent, whyKept } from './removal.ts';

/** Terminates the target; it is gone when EC2 says `terminated`, not when the call was accepted. */
export async function removeInstance({ context, entry }: Removing): Promise<Removal> {
  const instance = await find(
    entry.resourceId === undefined
      ? { Filters: entryFilters(context, entry) }
      : { InstanceIds: [entry.resourceId] },
  );
  if (!instance?.InstanceId) return entry.resourceId === undefined ? unansweredIntent(entry) : gone;
  if (instance.State?.Name === 'terminated') return { outcome: 'gone', resourceId: instance.InstanceId };
  const because = whyKept(instance.Tags, context);
  if (because !== undefined) return kept(because);
  if (instance.State?.Name !== 'shutting-down') {
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: [instance.InstanceId] }));
  }
  return going;
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
