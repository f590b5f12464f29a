import { invalidValue } from './errors.ts';

/**
 * Names under which a volume may be attached to an HVM instance (AWSEC2/latest/UserGuide/device_naming); EC2 takes
 * the Windows form without `/dev/` everywhere.
 */
const DEVICE_NAME =
  /^(?:\/dev\/sd[a-z]|\/dev\/sda[12]|(?:\/dev\/)?xvd[a-z]|(?:\/dev\/)?xvd[a-c][a-z]|(?:\/dev\/)?xvdd[a-x])$/;

const isDeviceName = (name: string): boolean => DEVICE_NAME.test(name);

/** @throws InvalidParameterValue */
export function checkDeviceName(name: string): string {
  if (!isDeviceName(name)) {
    throw invalidValue(
      `Value (${name}) for parameter device is invalid. ${name} is not a valid EBS device name.`,
    );
  }
  return name;
}
