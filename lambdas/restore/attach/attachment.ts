import { AttachVolumeCommand, type VolumeAttachment } from '@aws-sdk/client-ec2';
import { LandfallError } from '../../../core/model/errors.ts';
import { awsErrorCode, NotVisible, nameAwsError } from '../../runtime/aws-errors.ts';
import { describeInstance, describeVolume } from '../../runtime/describe.ts';
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

// EC2's ways of saying that the volume is attached, to whomever, or is on its way.
const IN_USE = new Set(['VolumeInUse', 'IncorrectState']);

// Of an instance that keeps no volume; undefined where EC2 has forgotten it.
const LETTING_GO = new Set<string | undefined>([undefined, 'shutting-down', 'terminated']);

/**
 * Asks EC2 to attach a volume, and returns the attachment's name in the ledger. AttachVolume takes no token: where the
 * volume is in use already, looking at the attachment tells by whom.
 * @throws NotVisible while EC2 still takes it for in use by an instance that let it go
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
    if (!IN_USE.has(awsErrorCode(error) ?? '')) throw error;
    await requireInUse({ volumeId, instanceId, refusal: nameAwsError(error) });
  }
  return `${volumeId}:${instanceId}:${deviceName}`;
}

/** That an earlier try attached it, or that it is somebody's: what comes after this looks at the attachment and tells. */
async function requireInUse(of: { volumeId: string; instanceId: string; refusal: unknown }): Promise<void> {
  const [attachment] = (await describeVolume({ id: of.volumeId }))?.Attachments ?? [];
  const isOn = attachment?.State === 'attached' || attachment?.State === 'attaching';
  if (isOn && attachment.InstanceId === of.instanceId) return;
  const owner = isOn ? await describeInstance({ id: attachment.InstanceId ?? '' }) : undefined;
  if (isOn && !LETTING_GO.has(owner?.State?.Name)) return;
  const place = attachment ? `${attachment.State} at ${attachment.InstanceId}` : 'attached to nothing';
  const why = of.refusal instanceof Error ? of.refusal.message : String(of.refusal);
  throw new NotVisible(
    `volume ${of.volumeId} is ${place}, and does not come to ${of.instanceId} yet: ${why}`,
  );
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
