import type { GuestPlatform } from './import-image-record.ts';
import { ImageImportRefused } from './import-image-refused.ts';
import type { BillingRecord } from './records.ts';

/** What an imported guest may be licensed as (VM Import guide, "Licensing options"). */

interface UsageOperation {
  readonly platform: GuestPlatform;
  readonly details: string;
}

const USAGE_OPERATIONS: Readonly<Record<string, UsageOperation>> = {
  RunInstances: { platform: 'Linux', details: 'Linux/UNIX' },
  'RunInstances:0002': { platform: 'Windows', details: 'Windows' },
  'RunInstances:0006': { platform: 'Windows', details: 'Windows with SQL Server Standard' },
  'RunInstances:0102': { platform: 'Windows', details: 'Windows with SQL Server Enterprise' },
  'RunInstances:0202': { platform: 'Windows', details: 'Windows with SQL Server Web' },
  'RunInstances:0800': { platform: 'Windows', details: 'Windows BYOL' },
  'RunInstances:0004': { platform: 'Linux', details: 'Linux with SQL Server Standard' },
  'RunInstances:0100': { platform: 'Linux', details: 'Linux with SQL Server Enterprise' },
  'RunInstances:0200': { platform: 'Linux', details: 'Linux with SQL Server Web' },
  'RunInstances:0010': { platform: 'Linux', details: 'Red Hat Enterprise Linux' },
  'RunInstances:000g': { platform: 'Linux', details: 'SUSE Linux' },
};

export const isUsageOperation = (value: string): boolean => Object.hasOwn(USAGE_OPERATIONS, value);

export interface License {
  readonly licenseType: 'AWS' | 'BYOL';
  readonly billing: BillingRecord;
}

/**
 * What an image of the guest bills for. Where nothing is asked, Linux keeps its own licence and Windows gets AWS's: a
 * Windows client keeps its own on AWS, but which Windows it is is not looked at here.
 * @throws ImageImportRefused
 */
export function chooseLicense(
  platform: GuestPlatform,
  asked: { readonly licenseType?: 'AWS' | 'BYOL'; readonly usageOperation?: string },
): License {
  const licenseType = asked.licenseType ?? (platform === 'Linux' ? 'BYOL' : 'AWS');
  if (platform === 'Linux' && licenseType === 'AWS') {
    throw new ImageImportRefused('The license type AWS is not supported for Linux');
  }
  const usageOperation = asked.usageOperation ?? usualOperation(platform, licenseType);
  const known = USAGE_OPERATIONS[usageOperation];
  if (known?.platform !== platform) {
    throw new ImageImportRefused(`The usage operation ${usageOperation} is not supported for ${platform}`);
  }
  return { licenseType, billing: { platformDetails: known.details, usageOperation } };
}

function usualOperation(platform: GuestPlatform, licenseType: 'AWS' | 'BYOL'): string {
  if (platform === 'Linux') return 'RunInstances';
  return licenseType === 'BYOL' ? 'RunInstances:0800' : 'RunInstances:0002';
}
