import { LandfallError } from '../core/model/errors.ts';

/** What the program was started with makes no sense. */
export class InvalidArguments extends LandfallError {
  override readonly name = 'InvalidArguments';
}

/** The orders are not what they should be, or do not fit the restore point. */
export class OrdersInvalid extends LandfallError {
  override readonly name = 'OrdersInvalid';
}

/** A helper carries out one order in its life. */
export class OrdersChanged extends LandfallError {
  override readonly name = 'OrdersChanged';
}

/** No device with the volume's serial came up in time; the message names those that are there. */
export class DeviceNotFound extends LandfallError {
  override readonly name = 'DeviceNotFound';
}

/** The device has another size than the volume that was ordered. */
export class DeviceSizeDiffers extends LandfallError {
  override readonly name = 'DeviceSizeDiffers';
}

/** The device is mounted, or part of another device. */
export class DeviceInUse extends LandfallError {
  override readonly name = 'DeviceInUse';
}

/** The device that was opened is not the one that was found, or is none. */
export class DeviceChanged extends LandfallError {
  override readonly name = 'DeviceChanged';
}

/** The device cannot be opened, read, written or flushed. */
export class DeviceFailed extends LandfallError {
  override readonly name = 'DeviceFailed';
}

/** A volume that was created empty holds data; nothing was written. */
export class VolumeNotBlank extends LandfallError {
  override readonly name = 'VolumeNotBlank';
}

/** What is noted of a disk is of another volume, restore point or shape. */
export class DiskStateInvalid extends LandfallError {
  override readonly name = 'DiskStateInvalid';
}

/** The volume reads other bytes than were written. */
export class ReadBackDiffers extends LandfallError {
  override readonly name = 'ReadBackDiffers';
}

/** The blocks of the disk, in order, do not give the digest that the restore point has for it. */
export class DiskDigestDiffers extends LandfallError {
  override readonly name = 'DiskDigestDiffers';
}

/** S3 has not answered for so long that starting anew is the better try. */
export class StorageUnreachable extends LandfallError {
  override readonly name = 'StorageUnreachable';
  override readonly retryable = true;
}

/** Nothing has gone on for so long that starting anew is the better try. */
export class WorkStalled extends LandfallError {
  override readonly name = 'WorkStalled';
  override readonly retryable = true;
}

/** The program was told to end. */
export class Interrupted extends LandfallError {
  override readonly name = 'Interrupted';
}

/** Says which disk an error is about; `cause` is the error. */
export class DiskFailure extends Error {
  readonly diskId: string;

  constructor(diskId: string, cause: unknown) {
    super(`disk ${diskId}`, { cause });
    this.diskId = diskId;
  }
}

/** Says of whatever the action throws which disk it is about. @throws DiskFailure */
export async function onDisk<Result>(diskId: string, action: () => Promise<Result>): Promise<Result> {
  try {
    return await action();
  } catch (error) {
    throw new DiskFailure(diskId, error);
  }
}
