import type { BlockDeviceMapping, EbsBlockDevice } from '@aws-sdk/client-ec2';
import { checkDeviceName } from './device-names.ts';
import { notSimulated, required } from './errors.ts';
import { checkFits, checkNamesDiffer, invalidMapping } from './image-devices.ts';
import { chooseEncryption, type Encryption } from './kms.ts';
import { acceptOnly } from './operation.ts';
import type { ImageDeviceRecord, ImageRecord, SnapshotRecord, VolumeShape } from './records.ts';
import { need, type Simulation } from './simulation.ts';
import { checkInitializationRate, parseShape, VOLUME_TYPES } from './volume-rules.ts';
import { checkCompleted } from './volume-store.ts';

/** A volume that an instance is to be launched with. */
export interface LaunchDevice {
  readonly deviceName: string;
  readonly shape: VolumeShape;
  readonly encryption: Encryption;
  readonly snapshot?: SnapshotRecord | undefined;
  readonly deleteOnTermination: boolean;
  readonly initializationRate?: number | undefined;
}

const EBS_MEMBERS = [
  'DeleteOnTermination',
  'Encrypted',
  'Iops',
  'KmsKeyId',
  'SnapshotId',
  'Throughput',
  'VolumeInitializationRate',
  'VolumeSize',
  'VolumeType',
] as const;

/**
 * The volumes of a launch: those of the image, as the request changes them, leaves them out (NoDevice) or adds to them.
 * @throws InvalidBlockDeviceMapping, InvalidParameterValue and what the rules of volumes throw
 */
export function planDevices(
  sim: Simulation,
  image: ImageRecord,
  mappings: readonly BlockDeviceMapping[],
): LaunchDevice[] {
  const asked = new Map<string, BlockDeviceMapping>();
  checkNamesDiffer(mappings.map((mapping) => mapping.DeviceName ?? ''));
  for (const mapping of mappings) {
    acceptOnly(mapping, ['DeviceName', 'Ebs', 'VirtualName', 'NoDevice'], 'BlockDeviceMapping');
    asked.set(checkDeviceName(required(mapping.DeviceName, 'deviceName')), mapping);
  }
  if (asked.get(image.rootDeviceName)?.NoDevice !== undefined) {
    throw invalidMapping(`The root device ${image.rootDeviceName} cannot be suppressed`);
  }
  const known = new Map(image.devices.map((device) => [device.deviceName, device]));
  return [...new Set([...known.keys(), ...asked.keys()])]
    .map((name) => planDevice(sim, { image, name, device: known.get(name), mapping: asked.get(name) }))
    .filter((device) => device !== undefined);
}

interface DeviceSources {
  readonly image: ImageRecord;
  readonly name: string;
  /** What the image says of this name. */
  readonly device: ImageDeviceRecord | undefined;
  /** What the request says of it. */
  readonly mapping: BlockDeviceMapping | undefined;
}

/** undefined for a name that stands for no volume: left out, or an instance store, which no type here has. */
function planDevice(sim: Simulation, sources: DeviceSources): LaunchDevice | undefined {
  const { image, name, device, mapping } = sources;
  if (mapping?.NoDevice !== undefined || mapping?.VirtualName) return undefined;
  if (!mapping && !device?.ebs) return undefined;
  const ebs: EbsBlockDevice = mapping?.Ebs ?? {};
  acceptOnly(ebs, EBS_MEMBERS, 'BlockDeviceMapping.Ebs');
  const isRoot = name === image.rootDeviceName;
  const snapshot = chooseSnapshot(sim, { isRoot, ebs, device });
  const sizeGiB = ebs.VolumeSize ?? device?.ebs?.sizeGiB ?? snapshot?.sizeGiB;
  if (sizeGiB === undefined) {
    throw invalidMapping(`Either snapshot ID or volume size must be provided for: ${name}`);
  }
  checkFits(sizeGiB, snapshot);
  const shape = chooseShape(ebs, device, sizeGiB);
  if (isRoot && !VOLUME_TYPES[shape.type].bootable) {
    throw invalidMapping(`The volume type ${shape.type} is not supported for the root device`);
  }
  return {
    deviceName: name,
    shape,
    encryption: chooseEncryption(sim, ebs, snapshot),
    snapshot,
    deleteOnTermination: ebs.DeleteOnTermination ?? device?.ebs?.deleteOnTermination ?? isRoot,
    initializationRate: checkInitializationRate(ebs.VolumeInitializationRate, snapshot !== undefined),
  };
}

function chooseSnapshot(
  sim: Simulation,
  sources: {
    readonly isRoot: boolean;
    readonly ebs: EbsBlockDevice;
    readonly device: ImageDeviceRecord | undefined;
  },
): SnapshotRecord | undefined {
  const { isRoot, ebs, device } = sources;
  const ofImage = device?.ebs?.snapshotId;
  if (isRoot && ebs.SnapshotId !== undefined && ebs.SnapshotId !== ofImage) {
    throw invalidMapping('snapshotId cannot be modified on root device');
  }
  const id = ebs.SnapshotId ?? ofImage;
  return id === undefined ? undefined : checkCompleted(need(sim, 'snapshot', id));
}

/** Provisioned figures of the image hold only for the image's own volume type. */
function chooseShape(
  ebs: EbsBlockDevice,
  device: ImageDeviceRecord | undefined,
  sizeGiB: number,
): VolumeShape {
  const type = ebs.VolumeType ?? device?.ebs?.type;
  const sameType = type === device?.ebs?.type;
  return parseShape({
    type,
    sizeGiB,
    iops: ebs.Iops ?? (sameType ? device?.ebs?.iops : undefined),
    throughput: ebs.Throughput ?? (sameType ? device?.ebs?.throughput : undefined),
  });
}

/** Refuses more volumes than the instance could have. */
export function checkDeviceCount(devices: readonly LaunchDevice[], limit: number): void {
  if (devices.length > limit)
    throw notSimulated(`launching with ${devices.length} volumes (the type takes ${limit})`);
}
