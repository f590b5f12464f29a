import { DetachVolumeCommand } from '@aws-sdk/client-ec2';
import { LandfallError } from '../../core/model/errors.ts';
import { awsErrorCode } from '../runtime/aws-errors.ts';
import { describeInstance } from '../runtime/describe.ts';
import { ec2 } from '../runtime/ec2.ts';
import { makeOnce, markReady, resourceOf, restoreContextSchema } from '../runtime/ledger.ts';
import { firstPoll } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';

/** The launched target has no root volume to take away. */
export class RootVolumeMissing extends LandfallError {
  override readonly name = 'RootVolumeMissing';
}

const entry = { kind: 'volume', name: 'placeholder-root' } as const;

/** Detaches the root volume that the launch image brought; clean-up deletes it. */
export const handler = makeStep(restoreContextSchema, async (context) => {
  const instanceId = await resourceOf(context, { kind: 'instance', name: 'target' });
  const volumeId = await makeOnce({
    context,
    entry,
    step: 'detach-placeholder-root',
    create: () => rootVolumeOf(instanceId),
  });
  // It is there already: should it end with the target now, clean-up need not wait for it to show up.
  await markReady(context, entry);
  try {
    await ec2.send(new DetachVolumeCommand({ VolumeId: volumeId, InstanceId: instanceId }));
  } catch (error) {
    // An earlier try detached it already: EC2 says so in one of these two ways.
    const code = awsErrorCode(error);
    if (code !== 'IncorrectState' && code !== 'InvalidAttachment.NotFound') throw error;
  }
  return { volumeId, poll: firstPoll(5, 15) };
});

async function rootVolumeOf(instanceId: string): Promise<string> {
  const instance = await describeInstance({ id: instanceId });
  const root = instance?.BlockDeviceMappings?.find(
    ({ DeviceName }) => DeviceName === instance.RootDeviceName,
  );
  const volumeId = root?.Ebs?.VolumeId;
  if (volumeId === undefined) throw new RootVolumeMissing(`target ${instanceId} has no root volume`);
  return volumeId;
}
