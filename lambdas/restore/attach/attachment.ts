import { AttachVolumeCommand, type VolumeAttachment } from '@aws-sdk/client-ec2';
import { LandfallError } from '../../../core/model/errors.ts';
import { awsErrorCode } from '../../runtime/aws-errors.ts';
import { ec2 } from '../../runtime/ec2.ts';

/** The volume is attached to another instance, or under another name, than the plan says. */
export class AttachedElsewhere extends LandfallError {
  override readonly name = 'AttachedElsewhere';
}

export interface WantedAttachment {
  readonly diskId: string;
  readonly volumeId: string;
  readonly instanceId: string;
  readonly deviceName: string;
}

/**
 * Asks EC2 to attach a volume, and returns the attachment's name in the ledger. AttachVolume takes no token: where the
 * volume is in use already, looking at the attachment tells whether by the right instance.
 */
export async function attach({
  volumeId,
  instanceId,
  deviceName,
}: Omit<WantedAttachment, 'diskId'>): Promise<string> {
  try {
    await ec2.send(
      new AttachVolumeCommand({ VolumeId: volumeId, InstanceId: instanceId, Device: deviceName }),
    );
  } catch (error) {
    if (awsErrorCode(error) !== 'VolumeInUse') throw error;
  }
  return `${volumeId}:${instanceId}:${deviceName}`;
}

/** Holds what EC2 shows of an attachment against what is wanted. @throws AttachedElsewhere */
export function requireAttachedAs(
  attachment: VolumeAttachment | undefined,
  { diskId, volumeId, instanceId, deviceName }: WantedAttachment,
): void {
  if (!attachment) return;
  if (attachment.InstanceId === instanceId && attachment.Device === deviceName) return;
  throw new AttachedElsewhere(
    `volume ${volumeId} of disk ${diskId} is at ${attachment.InstanceId} ${attachment.Device}, not at ${instanceId} ${deviceName}`,
  );
}
