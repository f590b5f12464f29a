import type {
  CreateSnapshotRequest,
  CreateSnapshotsRequest,
  CreateSnapshotsResult,
  DeleteSnapshotRequest,
  DescribeSnapshotsRequest,
  DescribeSnapshotsResult,
  InstanceSpecification,
  Snapshot,
  SnapshotInfo,
} from '@aws-sdk/client-ec2';
import { AwsError, type Call } from '../service.ts';
import { incorrectState, invalidValue, required } from './errors.ts';
import { describe, type FilterTable } from './filters.ts';
import { acceptOnly, mutation, type Operations, query } from './operation.ts';
import type { ImageRecord, SnapshotRecord, VolumeRecord } from './records.ts';
import { need, needAll, type Simulation, volumesOf } from './simulation.ts';
import { insertSnapshot, removeSnapshot } from './snapshot-store.ts';
import { tagList, tagsAtCreation } from './tags.ts';

function snapshotOutput(snapshot: SnapshotRecord): Snapshot {
  return {
    SnapshotId: snapshot.id,
    VolumeId: snapshot.volumeId,
    State: snapshot.state,
    StartTime: new Date(snapshot.startTime),
    Progress: `${snapshot.progress}%`,
    OwnerId: snapshot.ownerId,
    Description: snapshot.description,
    VolumeSize: snapshot.sizeGiB,
    Encrypted: snapshot.encrypted,
    StorageTier: 'standard',
    Tags: tagList(snapshot),
    ...(snapshot.ownerAlias ? { OwnerAlias: snapshot.ownerAlias } : {}),
    ...(snapshot.stateMessage ? { StateMessage: snapshot.stateMessage } : {}),
    ...(snapshot.kmsKeyId ? { KmsKeyId: snapshot.kmsKeyId } : {}),
    ...(snapshot.completionTime ? { CompletionTime: new Date(snapshot.completionTime) } : {}),
    ...(snapshot.state === 'completed' && snapshot.fullBytes !== undefined
      ? { FullSnapshotSizeInBytes: snapshot.fullBytes }
      : {}),
  };
}

const FILTERS: FilterTable<SnapshotRecord> = {
  description: (snapshot) => snapshot.description,
  encrypted: (snapshot) => snapshot.encrypted,
  'owner-alias': (snapshot) => snapshot.ownerAlias,
  'owner-id': (snapshot) => snapshot.ownerId,
  progress: (snapshot) => `${snapshot.progress}%`,
  'snapshot-id': (snapshot) => snapshot.id,
  'start-time': (snapshot) => snapshot.startTime,
  status: (snapshot) => snapshot.state,
  'storage-tier': () => 'standard',
  'volume-id': (snapshot) => snapshot.volumeId,
  'volume-size': (snapshot) => snapshot.sizeGiB,
};

/** Whether one of `owners` (`self`, an alias or an account id) owns what belongs to `owner`. */
export function isOwnedBy(
  sim: Simulation,
  owner: { readonly ownerId: string; readonly ownerAlias?: string | undefined },
  owners: readonly string[],
): boolean {
  return owners.some(
    (each) =>
      each === owner.ownerId ||
      each === owner.ownerAlias ||
      (each === 'self' && owner.ownerId === sim.context.accountId),
  );
}

/** The snapshots a request speaks of, before filters. Of others' snapshots those of public images may be used by all. */
function candidates(sim: Simulation, input: DescribeSnapshotsRequest): SnapshotRecord[] {
  const owners = input.OwnerIds ?? [];
  const users = input.RestorableByUserIds ?? [];
  return sim.state.snapshots
    .all()
    .filter((snapshot) => owners.length === 0 || isOwnedBy(sim, snapshot, owners))
    .filter(
      (snapshot) =>
        users.length === 0 || users.includes('all') === (snapshot.ownerId !== sim.context.accountId),
    );
}

export const imagesUsing = (sim: Simulation, snapshotId: string): ImageRecord[] =>
  sim.state.images
    .all()
    .filter((image) => image.devices.some((device) => device.ebs?.snapshotId === snapshotId));

function checkSnapshotable(volume: VolumeRecord): VolumeRecord {
  if (volume.state === 'available' || (volume.state === 'in-use' && volume.contentReady)) return volume;
  throw incorrectState(`The volume '${volume.id}' is in state '${volume.state}'.`);
}

function prepareDeletion(sim: Simulation, input: DeleteSnapshotRequest): () => object {
  const snapshot = need(sim, 'snapshot', required(input.SnapshotId, 'snapshotId'));
  if (snapshot.ownerId !== sim.context.accountId) {
    throw new AwsError('OperationNotPermitted', `You do not own the snapshot '${snapshot.id}'`);
  }
  const image = imagesUsing(sim, snapshot.id)[0];
  if (image) {
    throw new AwsError(
      'InvalidSnapshot.InUse',
      `The snapshot ${snapshot.id} is currently in use by ${image.id}`,
    );
  }
  return () => {
    removeSnapshot(sim, snapshot.id);
    return {};
  };
}

function chooseVolumes(sim: Simulation, input: InstanceSpecification): VolumeRecord[] {
  acceptOnly(input, ['InstanceId', 'ExcludeBootVolume', 'ExcludeDataVolumeIds'], 'InstanceSpecification');
  const instance = need(sim, 'instance', required(input.InstanceId, 'instanceId'));
  const excluded = needAll(sim, 'volume', input.ExcludeDataVolumeIds ?? []).map((volume) => volume.id);
  const volumes = volumesOf(sim, instance.id)
    .filter((volume) => !(input.ExcludeBootVolume && volume.attachment?.device === instance.rootDeviceName))
    .filter((volume) => !excluded.includes(volume.id));
  if (volumes.length === 0)
    throw invalidValue(`There is no volume to take a snapshot of on '${instance.id}'`);
  return volumes.map(checkSnapshotable);
}

function snapshotInfo(snapshot: SnapshotRecord): SnapshotInfo {
  const {
    State,
    SnapshotId,
    VolumeId,
    VolumeSize,
    StartTime,
    Progress,
    OwnerId,
    Description,
    Encrypted,
    Tags,
  } = snapshotOutput(snapshot);
  return {
    State,
    SnapshotId,
    VolumeId,
    VolumeSize,
    StartTime,
    Progress,
    OwnerId,
    Description,
    Encrypted,
    Tags,
  };
}

function prepareMultiple(
  sim: Simulation,
  input: CreateSnapshotsRequest,
  call: Call,
): () => CreateSnapshotsResult {
  const volumes = chooseVolumes(sim, required(input.InstanceSpecification, 'InstanceSpecification'));
  const tags = tagsAtCreation(input.TagSpecifications, ['snapshot']);
  const copyTags = input.CopyTagsFromSource === 'volume';
  const description = input.Description ?? '';
  return () => ({
    Snapshots: volumes.map((volume) => {
      const own = tags('snapshot');
      const copied = copyTags
        ? tagList(volume).filter((tag) => !own.some((each) => each.Key === tag.Key))
        : [];
      const fields = { description, tags: [...copied, ...own] };
      return snapshotInfo(insertSnapshot(sim, volume, fields, call.effects));
    }),
  });
}

export function snapshotOperations(sim: Simulation): Operations {
  return {
    CreateSnapshot: mutation<CreateSnapshotRequest, Snapshot>(
      sim,
      'CreateSnapshot',
      ['VolumeId', 'Description', 'TagSpecifications'],
      (input, call) => {
        const volume = checkSnapshotable(need(sim, 'volume', required(input.VolumeId, 'volumeId')));
        const tags = tagsAtCreation(input.TagSpecifications, ['snapshot']);
        return () => {
          const fields = { description: input.Description ?? '', tags: tags('snapshot') };
          return snapshotOutput(insertSnapshot(sim, volume, fields, call.effects));
        };
      },
    ),
    CreateSnapshots: mutation<CreateSnapshotsRequest, CreateSnapshotsResult>(
      sim,
      'CreateSnapshots',
      ['InstanceSpecification', 'Description', 'TagSpecifications', 'CopyTagsFromSource'],
      (input, call) => prepareMultiple(sim, input, call),
    ),
    DeleteSnapshot: mutation<DeleteSnapshotRequest, object>(sim, 'DeleteSnapshot', ['SnapshotId'], (input) =>
      prepareDeletion(sim, input),
    ),
    DescribeSnapshots: query<DescribeSnapshotsRequest, DescribeSnapshotsResult>(
      'DescribeSnapshots',
      ['SnapshotIds', 'OwnerIds', 'RestorableByUserIds', 'Filters', 'MaxResults', 'NextToken'],
      (input) => {
        const { page, ...token } = describe({
          kind: 'snapshot',
          items: candidates(sim, input),
          ids: input.SnapshotIds,
          request: input,
          filters: FILTERS,
          tagsOf: (snapshot) => snapshot.tags,
        });
        return { Snapshots: page.map(snapshotOutput), ...token };
      },
    ),
  };
}
