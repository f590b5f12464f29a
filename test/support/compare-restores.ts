import {
  DescribeInstancesCommand,
  DescribeVolumesCommand,
  type EC2Client,
  type Instance,
  type Volume,
} from '@aws-sdk/client-ec2';
import type { RestoreResult } from '../../core/model/restore-record.ts';

/** What EC2 shows of a restored machine. */
export interface RestoredLook {
  readonly volumes: readonly Volume[];
  readonly instance: Instance;
}

/**
 * What EC2 shows of a restored machine: its volumes in the disks' order, and its instance; without ids, times, and the
 * snapshot that a volume was made from. Two restores of one restore point are to look the same.
 */
export async function lookOf(ec2: EC2Client, result: RestoreResult | undefined): Promise<RestoredLook> {
  const ids = result?.volumes.map(({ volumeId }) => volumeId) ?? [];
  const { Volumes = [] } = await ec2.send(new DescribeVolumesCommand({ VolumeIds: ids }));
  const volumes = ids.map((id) => Volumes.find(({ VolumeId }) => VolumeId === id) ?? {});
  const instance = await describeInstance(ec2, result?.instance?.instanceId ?? '');
  return {
    volumes: volumes.map(({ SnapshotId: _made, ...volume }) => comparable(volume)),
    instance: comparable(instance ?? {}),
  };
}

export async function describeInstance(ec2: EC2Client, instanceId: string): Promise<Instance | undefined> {
  const { Reservations = [] } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }));
  return Reservations[0]?.Instances?.[0];
}

/** A look without what differs between any two instances: ids, times, addresses, and the restore's own name. */
function comparable<T extends object>(look: T): T {
  return JSON.parse(JSON.stringify(look), (key, value) => {
    if (/(Time|Date|DnsName|IpAddress|PublicIp|MacAddress|ClientToken)$/.test(key)) return undefined;
    if (['landfall:restore', 'landfall:restore-started'].includes(value?.Key)) return undefined;
    return typeof value === 'string'
      ? value.replaceAll(/\b(i|vol|eni|eni-attach|ami|r|sg)-[0-9a-f]{17}\b/g, '$1-')
      : value;
  });
}
