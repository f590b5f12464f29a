import { DescribeVolumesCommand } from '@aws-sdk/client-ec2';
import { z } from 'zod';
import { awsErrorCode } from '../runtime/aws-errors.ts';
import { ec2 } from '../runtime/ec2.ts';
import { markReady, restoreContextSchema } from '../runtime/ledger.ts';
import { nextPoll, pollSchema, unseen } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';

const inputSchema = restoreContextSchema.extend({
  /** Ledger name of the volume: a disk id, `launch` or `placeholder-root`. */
  volume: z.string(),
  volumeId: z.string().min(1),
  poll: pollSchema,
});

/** Looks at a volume's state. A volume whose key EC2 cannot use is created first, and turns `error` or vanishes later. */
export const handler = makeStep(inputSchema, async ({ volume, volumeId, poll, ...context }) => {
  const status = (await volumeState(volumeId)) ?? unseen(poll);
  if (status === 'available') await markReady(context, { kind: 'volume', name: volume });
  return { status, message: `volume ${volumeId} (${volume}) is ${status}`, volumeId, poll: nextPoll(poll) };
});

async function volumeState(volumeId: string): Promise<string | undefined> {
  try {
    const { Volumes = [] } = await ec2.send(new DescribeVolumesCommand({ VolumeIds: [volumeId] }));
    return Volumes[0]?.State;
  } catch (error) {
    if (awsErrorCode(error) === 'InvalidVolume.NotFound') return undefined;
    throw error;
  }
}
