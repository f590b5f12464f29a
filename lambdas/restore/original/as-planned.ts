import type { Instance, Tag } from '@aws-sdk/client-ec2';
import { LandfallError } from '../../../core/model/errors.ts';
import type { PlannedOriginal } from '../../../core/model/plan.ts';
import { ORIGINAL_TAG } from '../../../core/model/restore-record.ts';
import { describeInstance } from '../../runtime/describe.ts';

/** The original instance is not any more what the plan was made for. */
export class OriginalChanged extends LandfallError {
  override readonly name = 'OriginalChanged';
}

const borrowerOf = (tags: readonly Tag[] | undefined): string | undefined =>
  tags?.find(({ Key }) => Key === ORIGINAL_TAG.borrowedBy)?.Value;

/**
 * The original instance, with the volumes that are to be replaced where the plan saw them: hours may have gone by.
 * @throws OriginalChanged
 */
export async function originalAsPlanned(
  { instanceId, replaced }: PlannedOriginal,
  restoreId: string,
): Promise<Instance> {
  const instance = await describeInstance({ id: instanceId });
  const state = instance?.State?.Name;
  if (!instance || state === 'terminated' || state === 'shutting-down') {
    throw new OriginalChanged(`instance ${instanceId} is ${state ?? 'gone'}`);
  }
  const borrower = borrowerOf(instance.Tags);
  if (borrower !== undefined && borrower !== restoreId) {
    throw new OriginalChanged(`restore ${borrower} has borrowed instance ${instanceId}`);
  }
  for (const { volumeId, deviceName } of replaced) {
    const found = instance.BlockDeviceMappings?.find(({ DeviceName }) => DeviceName === deviceName);
    if (found?.Ebs?.VolumeId === volumeId) continue;
    throw new OriginalChanged(
      `${deviceName} of instance ${instanceId} is ${found?.Ebs?.VolumeId ?? 'empty'}, not ${volumeId}`,
    );
  }
  return instance;
}
