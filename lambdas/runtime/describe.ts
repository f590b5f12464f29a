import {
  DescribeImagesCommand,
  DescribeImportImageTasksCommand,
  DescribeImportSnapshotTasksCommand,
  DescribeInstancesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSnapshotsCommand,
  DescribeSubnetsCommand,
  DescribeVolumesCommand,
  type Image,
  type ImportImageTask,
  type ImportSnapshotTask,
  type Instance,
  type SecurityGroup,
  type Snapshot,
  type Subnet,
  type Volume,
} from '@aws-sdk/client-ec2';
import { awsErrorCode } from './aws-errors.ts';
import { ec2 } from './ec2.ts';

/** One thing by its id, or by the tags of the ledger entry it was made for. */
export type Which =
  | { readonly id: string }
  | { readonly filters: { readonly Name: string; readonly Values: string[] }[] };

const filtersOf = (which: Which) => ('id' in which ? {} : { Filters: which.filters });

/** What EC2 answers, or undefined where it does not know the thing: not any more, or not yet. */
async function seen<T>(describe: () => Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await describe();
  } catch (error) {
    if (/\.(NotFound|Malformed|Unavailable)$/.test(awsErrorCode(error) ?? '')) return undefined;
    throw error;
  }
}

export const describeVolume = (which: Which): Promise<Volume | undefined> =>
  seen(async () => {
    const ids = 'id' in which ? { VolumeIds: [which.id] } : {};
    return (await ec2.send(new DescribeVolumesCommand({ ...ids, ...filtersOf(which) }))).Volumes?.[0];
  });

// DescribeVolumes takes 200 values in a filter; a helper is never given that many disks.
const MOST_VOLUMES = 200;

/**
 * Volumes by their ids, in one call whatever their number: EC2 counts calls, not volumes. By a filter, for which one
 * that EC2 does not know is only missing from the answer.
 */
export async function describeVolumes(ids: readonly string[]): Promise<Map<string, Volume>> {
  if (ids.length > MOST_VOLUMES) throw new RangeError(`${ids.length} volumes in one call`);
  const { Volumes = [] } = await ec2.send(
    new DescribeVolumesCommand({ Filters: [{ Name: 'volume-id', Values: [...ids] }] }),
  );
  return new Map(Volumes.map((volume) => [volume.VolumeId ?? '', volume]));
}

export const describeSnapshot = (which: Which): Promise<Snapshot | undefined> =>
  seen(async () => {
    const ids = 'id' in which ? { SnapshotIds: [which.id] } : { OwnerIds: ['self'] };
    return (await ec2.send(new DescribeSnapshotsCommand({ ...ids, ...filtersOf(which) }))).Snapshots?.[0];
  });

export const describeImage = (which: Which): Promise<Image | undefined> =>
  seen(async () => {
    const ids = 'id' in which ? { ImageIds: [which.id] } : { Owners: ['self'] };
    return (await ec2.send(new DescribeImagesCommand({ ...ids, ...filtersOf(which) }))).Images?.[0];
  });

export const describeInstance = (which: Which): Promise<Instance | undefined> =>
  seen(async () => {
    const ids = 'id' in which ? { InstanceIds: [which.id] } : {};
    const { Reservations } = await ec2.send(new DescribeInstancesCommand({ ...ids, ...filtersOf(which) }));
    return Reservations?.[0]?.Instances?.[0];
  });

export const describeSecurityGroup = (which: Which): Promise<SecurityGroup | undefined> =>
  seen(async () => {
    const ids = 'id' in which ? { GroupIds: [which.id] } : {};
    const { SecurityGroups } = await ec2.send(
      new DescribeSecurityGroupsCommand({ ...ids, ...filtersOf(which) }),
    );
    return SecurityGroups?.[0];
  });

export const describeSubnet = (id: string): Promise<Subnet | undefined> =>
  seen(async () => (await ec2.send(new DescribeSubnetsCommand({ SubnetIds: [id] }))).Subnets?.[0]);

export const describeImportTask = (id: string): Promise<ImportSnapshotTask | undefined> =>
  seen(async () => {
    const { ImportSnapshotTasks } = await ec2.send(
      new DescribeImportSnapshotTasksCommand({ ImportTaskIds: [id] }),
    );
    return ImportSnapshotTasks?.[0];
  });

export const describeImportImageTask = (id: string): Promise<ImportImageTask | undefined> =>
  seen(async () => {
    const { ImportImageTasks } = await ec2.send(new DescribeImportImageTasksCommand({ ImportTaskIds: [id] }));
    return ImportImageTasks?.[0];
  });
