import type { BlockDeviceMapping, EbsBlockDevice } from '@aws-sdk/client-ec2';
import { AwsError } from '../service.ts';
import { checkDeviceName } from './device-names.ts';
import { invalidValue, notSimulated, required } from './errors.ts';
import { acceptOnly } from './operation.ts';
import type { ImageDeviceRecord } from './records.ts';
import { need, type Simulation } from './simulation.ts';
import { parseShape } from './volume-rules.ts';
import { checkCompleted } from './volume-store.ts';

/** Block devices of an image: parsing what RegisterImage gets, writing what DescribeImages answers. */

export const invalidMapping = (message: string): AwsError =>
  new AwsError('InvalidBlockDeviceMapping', message);

/** @throws InvalidBlockDeviceMapping for a name given twice */
export function checkNamesDiffer(names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice) throw invalidMapping(`Invalid device name ${twice}: it is mapped twice`);
}

export function parseImageDevices(
  sim: Simulation,
  mappings: readonly BlockDeviceMapping[],
): ImageDeviceRecord[] {
  const devices = mappings.map((mapping) => parseDevice(sim, mapping));
  checkNamesDiffer(devices.map((device) => device.deviceName));
  return devices;
}

function parseDevice(sim: Simulation, mapping: BlockDeviceMapping): ImageDeviceRecord {
  acceptOnly(mapping, ['DeviceName', 'Ebs', 'VirtualName', 'NoDevice'], 'BlockDeviceMapping');
  const deviceName = checkDeviceName(required(mapping.DeviceName, 'deviceName'));
  if (mapping.NoDevice !== undefined) return { deviceName, noDevice: true };
  if (mapping.VirtualName) return { deviceName, virtualName: mapping.VirtualName };
  const ebs = required(mapping.Ebs, 'ebs');
  acceptOnly(
    ebs,
    ['SnapshotId', 'VolumeSize', 'VolumeType', 'Iops', 'Throughput', 'DeleteOnTermination', 'Encrypted'],
    'BlockDeviceMapping.Ebs',
  );
  return { deviceName, ebs: parseEbs(sim, deviceName, ebs) };
}

function parseEbs(
  sim: Simulation,
  deviceName: string,
  ebs: EbsBlockDevice,
): NonNullable<ImageDeviceRecord['ebs']> {
  if (ebs.SnapshotId && ebs.Encrypted !== undefined) {
    // The encryption of a snapshot cannot be changed by registering it.
    throw invalidValue(
      'The parameter encrypted cannot be specified for a block device mapping with a snapshot',
    );
  }
  if (ebs.Encrypted) throw notSimulated('an encrypted empty volume in an image');
  const snapshot = ebs.SnapshotId ? checkCompleted(need(sim, 'snapshot', ebs.SnapshotId)) : undefined;
  const sizeGiB = ebs.VolumeSize ?? snapshot?.sizeGiB;
  if (sizeGiB === undefined) {
    throw invalidMapping(`Either snapshot ID or volume size must be provided for: ${deviceName}`);
  }
  checkFits(sizeGiB, snapshot);
  const { VolumeType: type, Iops: iops, Throughput: throughput } = ebs;
  const shape = parseShape({ type, sizeGiB, iops, throughput });
  return {
    sizeGiB,
    type: shape.type,
    deleteOnTermination: ebs.DeleteOnTermination ?? false,
    encrypted: snapshot?.encrypted ?? false,
    ...(snapshot ? { snapshotId: snapshot.id } : {}),
    ...(iops === undefined ? {} : { iops }),
    ...(throughput === undefined ? {} : { throughput }),
  };
}

export function checkFits(
  sizeGiB: number,
  snapshot: { readonly id: string; readonly sizeGiB: number } | undefined,
): void {
  if (!snapshot || sizeGiB >= snapshot.sizeGiB) return;
  throw invalidMapping(
    `Volume of size ${sizeGiB}GB is smaller than snapshot '${snapshot.id}', expect size>= ${snapshot.sizeGiB}GB`,
  );
}

export function imageDeviceOutput(device: ImageDeviceRecord): BlockDeviceMapping {
  const { deviceName, virtualName, noDevice, ebs } = device;
  if (noDevice) return { DeviceName: deviceName, NoDevice: '' };
  if (!ebs) return { DeviceName: deviceName, ...(virtualName ? { VirtualName: virtualName } : {}) };
  return {
    DeviceName: deviceName,
    Ebs: {
      DeleteOnTermination: ebs.deleteOnTermination,
      VolumeSize: ebs.sizeGiB,
      VolumeType: ebs.type,
      Encrypted: ebs.encrypted,
      ...(ebs.snapshotId ? { SnapshotId: ebs.snapshotId } : {}),
      ...(ebs.iops === undefined ? {} : { Iops: ebs.iops }),
      ...(ebs.throughput === undefined ? {} : { Throughput: ebs.throughput }),
    },
  };
}
