import type {
  CreateVolumeRequest,
  DeleteVolumeRequest,
  DescribeVolumeStatusRequest,
  DescribeVolumeStatusResult,
  DescribeVolumesRequest,
  DescribeVolumesResult,
  Volume,
  VolumeAttachment,
  VolumeStatusItem,
} from '@aws-sdk/client-ec2';
import { AwsError, type Call } from '../service.ts';
import { incorrectState, invalidCombination, invalidValue, missingParameter, required } from './errors.ts';
import { describe, type FilterTable } from './filters.ts';
import { earlierResult, rememberResult } from './idempotency.ts';
import { chooseEncryption } from './kms.ts';
import { checkStorage } from './limits.ts';
import { mutation, type Operations, query } from './operation.ts';
import type { VolumeRecord } from './records.ts';
import { need, type Simulation, zoneId } from './simulation.ts';
import { checkZone, zoneOfId } from './subnets.ts';
import { tagList, tagsAtCreation } from './tags.ts';
import { checkInitializationRate, parseShape } from './volume-rules.ts';
import { checkCompleted, insertVolume, scheduleCreation, startRemoval } from './volume-store.ts';

export function attachmentOutput(volume: VolumeRecord): VolumeAttachment[] {
  const { attachment } = volume;
  if (!attachment) return [];
  return [
    {
      VolumeId: volume.id,
      InstanceId: attachment.instanceId,
      Device: attachment.device,
      State: attachment.state,
      AttachTime: new Date(attachment.attachTime),
      DeleteOnTermination: attachment.deleteOnTermination,
      EbsCardIndex: 0,
    },
  ];
}

function volumeOutput(sim: Simulation, volume: VolumeRecord): Volume {
  const { region, accountId } = sim.context;
  return {
    VolumeId: volume.id,
    VolumeArn: `arn:aws:ec2:${region}:${accountId}:volume/${volume.id}`,
    OwnerId: accountId,
    AvailabilityZone: volume.zone,
    AvailabilityZoneId: zoneId(sim, volume.zone),
    Size: volume.sizeGiB,
    VolumeType: volume.type,
    // An empty text, not an absent member, says "from no snapshot" on AWS.
    SnapshotId: volume.snapshotId ?? '',
    State: volume.state,
    CreateTime: new Date(volume.createTime),
    Encrypted: volume.encrypted,
    MultiAttachEnabled: false,
    Attachments: attachmentOutput(volume),
    Tags: tagList(volume),
    ...(volume.iops === undefined ? {} : { Iops: volume.iops }),
    ...(volume.throughput === undefined ? {} : { Throughput: volume.throughput }),
    ...(volume.kmsKeyId ? { KmsKeyId: volume.kmsKeyId } : {}),
    ...(volume.initializationRate ? { VolumeInitializationRate: volume.initializationRate } : {}),
  };
}

const FILTERS = (sim: Simulation): FilterTable<VolumeRecord> => ({
  'attachment.attach-time': (volume) => volume.attachment?.attachTime,
  'attachment.delete-on-termination': (volume) => volume.attachment?.deleteOnTermination,
  'attachment.device': (volume) => volume.attachment?.device,
  'attachment.instance-id': (volume) => volume.attachment?.instanceId,
  'attachment.status': (volume) => volume.attachment?.state,
  'availability-zone': (volume) => volume.zone,
  'availability-zone-id': (volume) => zoneId(sim, volume.zone),
  'create-time': (volume) => volume.createTime,
  encrypted: (volume) => volume.encrypted,
  'multi-attach-enabled': () => false,
  size: (volume) => volume.sizeGiB,
  'snapshot-id': (volume) => volume.snapshotId,
  status: (volume) => volume.state,
  'volume-id': (volume) => volume.id,
  'volume-type': (volume) => volume.type,
});

function chooseZone(sim: Simulation, input: CreateVolumeRequest): string {
  if (input.AvailabilityZone && input.AvailabilityZoneId) {
    throw invalidCombination(
      'The parameter AvailabilityZone cannot be used with the parameter AvailabilityZoneId',
    );
  }
  if (input.AvailabilityZoneId) return zoneOfId(sim, input.AvailabilityZoneId);
  if (!input.AvailabilityZone) throw missingParameter('AvailabilityZone');
  if (!sim.context.availabilityZones.includes(input.AvailabilityZone)) {
    throw new AwsError('InvalidZone.NotFound', `The zone '${input.AvailabilityZone}' does not exist.`);
  }
  return checkZone(sim, input.AvailabilityZone);
}

function prepareCreation(sim: Simulation, input: CreateVolumeRequest, call: Call): () => Volume {
  const earlier = earlierResult(sim, 'CreateVolume', input);
  if (earlier) {
    const volume = sim.state.volumes.get(earlier[0] ?? '');
    if (volume) return () => volumeOutput(sim, volume);
  }
  if (input.MultiAttachEnabled) throw new AwsError('UnsupportedOperation', 'Multi-attach is not simulated');
  const zone = chooseZone(sim, input);
  const snapshot = input.SnapshotId ? checkCompleted(need(sim, 'snapshot', input.SnapshotId)) : undefined;
  if (input.Size === undefined && !snapshot) throw missingParameter('size/snapshot');
  const sizeGiB = input.Size ?? snapshot?.sizeGiB ?? 0;
  if (snapshot && sizeGiB < snapshot.sizeGiB) {
    throw invalidValue(
      `The specified size (${sizeGiB}GiB) is smaller than the size of snapshot '${snapshot.id}', expect size >= ${snapshot.sizeGiB}GiB`,
    );
  }
  const { VolumeType: type, Iops: iops, Throughput: throughput } = input;
  const shape = parseShape({ type, sizeGiB, iops, throughput });
  checkStorage(sim, [shape]);
  const encryption = chooseEncryption(sim, input, snapshot);
  const initializationRate = checkInitializationRate(input.VolumeInitializationRate, snapshot !== undefined);
  const tags = tagsAtCreation(input.TagSpecifications, ['volume']);
  return () => {
    const volume = insertVolume(sim, {
      shape,
      zone,
      encryption,
      snapshot,
      initializationRate,
      tags: tags('volume'),
    });
    rememberResult(sim, 'CreateVolume', input, [volume.id]);
    scheduleCreation(sim, volume, call.effects);
    return volumeOutput(sim, volume);
  };
}

function prepareDeletion(sim: Simulation, input: DeleteVolumeRequest, call: Call): () => object {
  const volume = need(sim, 'volume', required(input.VolumeId, 'volumeId'));
  if (volume.attachment) {
    throw new AwsError(
      'VolumeInUse',
      `Volume ${volume.id} is currently attached to ${volume.attachment.instanceId}`,
    );
  }
  if (volume.state !== 'available' && volume.state !== 'error') {
    throw incorrectState(`The volume '${volume.id}' is in state '${volume.state}'.`);
  }
  return () => {
    startRemoval(sim, volume, call.effects);
    return {};
  };
}

function statusOutput(sim: Simulation, volume: VolumeRecord): VolumeStatusItem {
  const usable = volume.state === 'available' || volume.state === 'in-use';
  const status = volume.state === 'error' ? 'impaired' : usable ? 'ok' : 'insufficient-data';
  return {
    VolumeId: volume.id,
    AvailabilityZone: volume.zone,
    AvailabilityZoneId: zoneId(sim, volume.zone),
    Actions: [],
    Events: [],
    VolumeStatus: {
      Status: status,
      Details: [
        { Name: 'io-enabled', Status: volume.state === 'error' ? 'failed' : 'passed' },
        { Name: 'io-performance', Status: 'not-applicable' },
      ],
    },
    ...(volume.snapshotId
      ? {
          InitializationStatusDetails: {
            InitializationType: volume.initializationRate
              ? ('provisioned-rate' as const)
              : ('default' as const),
            Progress: volume.initialized ? 100 : 0,
          },
        }
      : {}),
  };
}

const presentVolumes = (sim: Simulation): VolumeRecord[] =>
  sim.state.volumes.all().filter((volume) => volume.state !== 'deleted');

export function volumeOperations(sim: Simulation): Operations {
  return {
    CreateVolume: mutation<CreateVolumeRequest, Volume>(
      sim,
      'CreateVolume',
      [
        'AvailabilityZone',
        'AvailabilityZoneId',
        'ClientToken',
        'Encrypted',
        'Iops',
        'KmsKeyId',
        'MultiAttachEnabled',
        'Size',
        'SnapshotId',
        'TagSpecifications',
        'Throughput',
        'VolumeInitializationRate',
        'VolumeType',
      ],
      (input, call) => prepareCreation(sim, input, call),
    ),
    DeleteVolume: mutation<DeleteVolumeRequest, object>(sim, 'DeleteVolume', ['VolumeId'], (input, call) =>
      prepareDeletion(sim, input, call),
    ),
    DescribeVolumes: query<DescribeVolumesRequest, DescribeVolumesResult>(
      'DescribeVolumes',
      ['VolumeIds', 'Filters', 'MaxResults', 'NextToken', 'IncludeManagedResources'],
      (input) => {
        const { page, ...token } = describe({
          kind: 'volume',
          items: presentVolumes(sim),
          ids: input.VolumeIds,
          request: input,
          filters: FILTERS(sim),
          tagsOf: (volume) => volume.tags,
        });
        return { Volumes: page.map((volume) => volumeOutput(sim, volume)), ...token };
      },
    ),
    DescribeVolumeStatus: query<DescribeVolumeStatusRequest, DescribeVolumeStatusResult>(
      'DescribeVolumeStatus',
      ['VolumeIds', 'Filters', 'MaxResults', 'NextToken', 'IncludeManagedResources'],
      (input) => {
        const { page, ...token } = describe({
          kind: 'volume',
          items: presentVolumes(sim),
          ids: input.VolumeIds,
          request: input,
          filters: {
            'availability-zone': (volume) => volume.zone,
            'volume-status.status': (volume) => statusOutput(sim, volume).VolumeStatus?.Status,
          },
        });
        return { VolumeStatuses: page.map((volume) => statusOutput(sim, volume)), ...token };
      },
    ),
  };
}
