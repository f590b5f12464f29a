import { DescribeSnapshotsCommand } from '@aws-sdk/client-ec2';
import { z } from 'zod';
import { awsErrorCode } from '../runtime/aws-errors.ts';
import { ec2 } from '../runtime/ec2.ts';
import { markReady, restoreContextSchema } from '../runtime/ledger.ts';
import { nextPoll, pollSchema, unseen } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';

const inputSchema = restoreContextSchema.extend({
  /** Ledger name of the snapshot. */
  snapshot: z.string(),
  snapshotId: z.string().min(1),
  poll: pollSchema,
});

/** Looks at a snapshot's state. */
export const handler = makeStep(inputSchema, async ({ snapshot, snapshotId, poll, ...context }) => {
  const { status = unseen(poll), detail } = await snapshotState(snapshotId);
  if (status === 'completed') await markReady(context, { kind: 'snapshot', name: snapshot });
  const message = `snapshot ${snapshotId} (${snapshot}) is ${status}${detail === '' ? '' : `: ${detail}`}`;
  return { status, message, snapshotId, poll: nextPoll(poll) };
});

async function snapshotState(snapshotId: string): Promise<{ status?: string; detail: string }> {
  try {
    const { Snapshots = [] } = await ec2.send(new DescribeSnapshotsCommand({ SnapshotIds: [snapshotId] }));
    return { status: Snapshots[0]?.State, detail: Snapshots[0]?.StateMessage ?? '' };
  } catch (error) {
    if (awsErrorCode(error) === 'InvalidSnapshot.NotFound') return { detail: '' };
    throw error;
  }
}
