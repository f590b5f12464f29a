import type { RegionContext } from '../service.ts';

/** EC2's events on the default bus, in AWS's shape (ebs/latest/userguide/ebs-cloud-watch-events). */
export interface Ec2Events {
  instanceState(instanceId: string, state: string): void;
  volume(volumeId: string, event: VolumeEvent): void;
  snapshot(event: SnapshotEvent): void;
}

export interface VolumeEvent {
  readonly event: 'createVolume' | 'deleteVolume' | 'attachVolume' | 'modifyVolume' | 'initializeVolume';
  readonly result: 'available' | 'failed' | 'deleted' | 'optimizing' | 'completed' | 'succeeded';
  readonly cause?: string;
}

export interface SnapshotEvent {
  readonly snapshotId: string;
  readonly volumeId: string;
  readonly result: 'succeeded' | 'failed';
  readonly cause?: string;
  readonly startTime: string;
  readonly endTime: string;
}

export function makeEvents(context: RegionContext): Ec2Events {
  const { accountId, region } = context;
  const source = 'aws.ec2';
  return {
    instanceState(instanceId, state) {
      context.publish({
        source,
        detailType: 'EC2 Instance State-change Notification',
        resources: [`arn:aws:ec2:${region}:${accountId}:instance/${instanceId}`],
        detail: { 'instance-id': instanceId, state },
      });
    },
    volume(volumeId, { event, result, cause }) {
      context.publish({
        source,
        detailType: 'EBS Volume Notification',
        resources: [`arn:aws:ec2:${region}:${accountId}:volume/${volumeId}`],
        detail: { result, cause: cause ?? '', event, 'request-id': crypto.randomUUID() },
      });
    },
    snapshot({ snapshotId, volumeId, result, cause, startTime, endTime }) {
      // These ARNs carry no account id, unlike those of the volume events.
      const arn = `arn:aws:ec2::${region}:snapshot/${snapshotId}`;
      context.publish({
        source,
        detailType: 'EBS Snapshot Notification',
        resources: [arn],
        detail: {
          event: 'createSnapshot',
          result,
          cause: cause ?? '',
          'request-id': crypto.randomUUID(),
          snapshot_id: arn,
          source: `arn:aws:ec2::${region}:volume/${volumeId}`,
          startTime,
          endTime,
        },
      });
    },
  };
}
