import { TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import { awsErrorCode, NotAuthorized, nameAwsError } from '../../runtime/aws-errors.ts';
import { describeInstance } from '../../runtime/describe.ts';
import { ec2 } from '../../runtime/ec2.ts';

/** Why a helper is terminated; a lost one may hang, and nothing it could still flush counts: it is written again. */
export type Because = 'done' | 'lost';

/** Terminates a helper, if it does not end already. What becomes of it is to be looked at after this. */
export async function terminateHelper(instanceId: string, because: Because): Promise<void> {
  // Looked at first, because EC2 may take the tags of what has ended, and our permission hangs on them.
  const state = (await describeInstance({ id: instanceId }))?.State?.Name;
  if (state === 'shutting-down' || state === 'terminated') return;
  try {
    await ec2.send(
      new TerminateInstancesCommand({
        InstanceIds: [instanceId],
        // Nothing of it is worth an orderly shutdown: its disks are flushed and detached, or it is lost.
        SkipOsShutdown: true,
        ...(because === 'lost' ? { Force: true } : {}),
      }),
    );
  } catch (error) {
    // EC2 forgets an instance an hour or so after its end. Whether it has ended is looked at after this.
    if (awsErrorCode(error) === 'InvalidInstanceID.NotFound') return;
    if (state === undefined && nameAwsError(error) instanceof NotAuthorized) return;
    throw error;
  }
}
