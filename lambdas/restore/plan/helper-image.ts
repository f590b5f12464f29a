import { DescribeImagesCommand, type Image } from '@aws-sdk/client-ec2';
import { ec2 } from '../../runtime/ec2.ts';
import type { Findings } from './findings.ts';

export interface HelperImage {
  readonly imageId: string;
  readonly rootDeviceName: string;
}

// Amazon's names of the standard image: al2023-ami-2023.9.20261101.0-kernel-6.18-arm64. The minimal and ECS ones have a
// word before the version.
const NAME_FILTER = 'al2023-ami-2023.*-arm64';
const STANDARD_NAME = /^al2023-ami-2023\.[\d.]+-kernel-[\d.]+-arm64$/;

/** The newest Amazon Linux 2023 for arm64. */
export async function findHelperImage(findings: Findings): Promise<HelperImage | undefined> {
  const { Images = [] } = await ec2.send(
    new DescribeImagesCommand({
      Owners: ['amazon'],
      Filters: [
        { Name: 'name', Values: [NAME_FILTER] },
        { Name: 'architecture', Values: ['arm64'] },
        { Name: 'state', Values: ['available'] },
      ],
    }),
  );
  const newest = newestStandardImage(Images);
  if (newest) return newest;
  findings.error(
    'strategy',
    'helper',
    `this Region has no image of Amazon’s named ${NAME_FILTER}, or the account does not allow it`,
    'Allow Amazon’s images in the account’s setting “Allowed AMIs”, or use strategy upload',
  );
  return undefined;
}

/** The standard image of the highest version, with the newest kernel where a version has several. */
export function newestStandardImage(images: readonly Image[]): HelperImage | undefined {
  const [newest] = images
    .filter(
      ({ Name, RootDeviceType, State }) =>
        STANDARD_NAME.test(Name ?? '') && RootDeviceType === 'ebs' && State === 'available',
    )
    .toSorted((a, b) => (b.Name ?? '').localeCompare(a.Name ?? '', 'en', { numeric: true }));
  if (!newest?.ImageId || !newest.RootDeviceName) return undefined;
  return { imageId: newest.ImageId, rootDeviceName: newest.RootDeviceName };
}
