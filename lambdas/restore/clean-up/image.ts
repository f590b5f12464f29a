import { DeregisterImageCommand, DescribeImagesCommand, type Image } from '@aws-sdk/client-ec2';
import { awsErrorCode } from '../../runtime/aws-errors.ts';
import { ec2 } from '../../runtime/ec2.ts';
import { entryFilters } from '../../runtime/ledger.ts';
import { notFound, type Removal, type Removing, whyNot } from './removal.ts';

/** Deregisters the launch image; instances launched from it are not touched by that. Its snapshot has its own entry. */
export async function removeImage(removing: Removing): Promise<Removal> {
  const { context, entry } = removing;
  const image = await find(
    entry.resourceId === undefined
      ? { Owners: ['self'], Filters: entryFilters(context, entry) }
      : { ImageIds: [entry.resourceId] },
  );
  if (!image?.ImageId) return notFound(removing);
  if (image.State === 'deregistered') return { outcome: 'gone', resourceId: image.ImageId };
  const stays = whyNot(image.Tags, removing);
  if (stays) return stays;
  await ec2.send(new DeregisterImageCommand({ ImageId: image.ImageId }));
  return { outcome: 'gone', resourceId: image.ImageId };
}

async function find(by: {
  ImageIds?: string[];
  Owners?: string[];
  Filters?: { Name: string; Values: string[] }[];
}): Promise<Image | undefined> {
  try {
    return (await ec2.send(new DescribeImagesCommand(by))).Images?.[0];
  } catch (error) {
    if (awsErrorCode(error)?.startsWith('InvalidAMIID.')) return undefined;
    throw error;
  }
}
