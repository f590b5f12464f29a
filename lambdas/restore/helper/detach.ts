import { DetachVolumeCommand } from '@aws-sdk/client-ec2';
import { awsErrorCode, NotAuthorized, nameAwsError } from '../../runtime/aws-errors.ts';
import { describeInstance, describeVolume } from '../../runtime/describe.ts';
import { ec2 } from '../../runtime/ec2.ts';
import { hasEnded } from './planned.ts';

// EC2's ways of saying that it is detached already, by an earlier try or with the end of the helper.
const DETACHED = new Set(['IncorrectState', 'InvalidAttachment.NotFound', 'InvalidInstanceID.NotFound']);

/**
 * Asks EC2 to detach a volume from the helper, if that has not happened already. Never by force: what the helper's kernel
 * may still hold would be lost.
 */
export async function detachFromHelper(volumeId: string, instanceId: string): Promise<void> {
  if ((await describeVolume({ id: volumeId }))?.State === 'available') return;
  // One that has ended lets it go, and EC2 may take the tags away that the permission to detach hangs on.
  const state = (await describeInstance({ id: instanceId }))?.State?.Name;
  if (state !== undefined && hasEnded(state)) return;
  try {
    await ec2.send(new DetachVolumeCommand({ VolumeId: volumeId, InstanceId: instanceId }));
  } catch (error) {
    const isForgotten = state === undefined && nameAwsError(error) instanceof NotAuthorized;
    if (!isForgotten && !DETACHED.has(awsErrorCode(error) ?? '')) throw error;
  }
}
