import { setTimeout as sleep } from 'node:timers/promises';
import { DeviceNotFound, DeviceSizeDiffers } from '../errors.ts';

/** A device that is there now. */
export interface FoundDevice {
  /** As NVMe tells it; of an EBS volume its id without the dash. */
  readonly serial: string;
  /** What to open. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Of a block device its `<major>:<minor>`; of a file nothing. */
  readonly numbers: string | undefined;
  /** Other devices that are part of it or that it is part of, by name. */
  readonly usedBy: readonly string[];
}

/**
 * The devices of this machine. `list` tells what is there at the moment, those that come and go meanwhile or not; a device
 * that is not all there yet (no size, a broken link) is left out. Nothing is opened.
 */
export interface Devices {
  /** For messages. */
  readonly place: string;
  list(): Promise<readonly FoundDevice[]>;
}

/** EBS gives a volume's id as the serial of its NVMe device, `vol-0123…` as `vol0123…` (as ebsnvme-id of amazon-ec2-utils reads it). */
export const serialOf = (volumeId: string): string => volumeId.replace('-', '');

export interface WantedDevice {
  readonly volumeId: string;
  readonly sizeBytes: number;
}

const LOOK_PAUSE_MS = 500;

/**
 * Waits until the volume has come up as a device.
 * @throws DeviceNotFound after `seconds`, DeviceSizeDiffers, or the signal's reason
 */
export async function waitForDevice(
  devices: Devices,
  { volumeId, sizeBytes }: WantedDevice,
  { seconds, signal }: { seconds: number; signal: AbortSignal },
): Promise<FoundDevice> {
  const serial = serialOf(volumeId);
  const givesUpAt = performance.now() + seconds * 1000;
  while (true) {
    const there = await devices.list();
    const found = there.find((device) => device.serial === serial);
    if (found) {
      checkSize(found, { volumeId, sizeBytes });
      return found;
    }
    if (performance.now() >= givesUpAt) {
      const names = there.map((device) => device.serial).join(', ') || 'none';
      throw new DeviceNotFound(
        `volume ${volumeId} has not come up as a device with serial ${serial} within ${seconds} seconds in ${devices.place}; there are: ${names}`,
      );
    }
    signal.throwIfAborted();
    await sleep(Math.min(LOOK_PAUSE_MS, seconds * 100), undefined, { signal }).catch(() => undefined);
    signal.throwIfAborted();
  }
}

/** @throws DeviceSizeDiffers */
export function checkSize(
  { path, sizeBytes: found }: FoundDevice,
  { volumeId, sizeBytes }: WantedDevice,
): void {
  if (found === sizeBytes) return;
  throw new DeviceSizeDiffers(`${path} of volume ${volumeId} has ${found} bytes, ordered were ${sizeBytes}`);
}
