import {
  DeleteSecurityGroupCommand,
  DescribeSecurityGroupsCommand,
  type SecurityGroup,
} from '@aws-sdk/client-ec2';
import { awsErrorCode } from '../../runtime/aws-errors.ts';
import { ec2 } from '../../runtime/ec2.ts';
import { entryFilters } from '../../runtime/ledger.ts';
import { going, notFound, type Removal, type Removing, whyNot } from './removal.ts';

/** Deletes the isolated group once no interface is in it. */
export async function removeSecurityGroup(removing: Removing): Promise<Removal> {
  const { context, entry } = removing;
  const group = await find(
    entry.resourceId === undefined
      ? { Filters: entryFilters(context, entry) }
      : { GroupIds: [entry.resourceId] },
  );
  if (!group?.GroupId) return notFound(removing);
  const stays = whyNot(group.Tags, removing);
  if (stays) return stays;
  try {
    await ec2.send(new DeleteSecurityGroupCommand({ GroupId: group.GroupId }));
  } catch (error) {
    const code = awsErrorCode(error);
    if (code === 'DependencyViolation') return going;
    if (code !== 'InvalidGroup.NotFound') throw error;
  }
  return { outcome: 'gone', resourceId: group.GroupId };
}

async function find(by: {
  GroupIds?: string[];
  Filters?: { Name: string; Values: string[] }[];
}): Promise<SecurityGroup | undefined> {
  try {
    return (await ec2.send(new DescribeSecurityGroupsCommand(by))).SecurityGroups?.[0];
  } catch (error) {
    if (awsErrorCode(error) === 'InvalidGroup.NotFound') return undefined;
    throw error;
  }
}
