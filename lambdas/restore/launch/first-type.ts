import { createHash } from 'node:crypto';
import { type _InstanceType, RunInstancesCommand, type RunInstancesCommandInput } from '@aws-sdk/client-ec2';
import {
  AwsRefused,
  awsErrorCode,
  InsufficientCapacity,
  nameAwsError,
  QuotaReached,
} from '../../runtime/aws-errors.ts';
import { ec2Once } from '../../runtime/ec2.ts';

// What EC2 calls a type that is not offered in the zone: the next one may be.
const UNSUPPORTED = new Set(['Unsupported', 'UnsupportedOperation', 'InstanceTypeNotSupported']);

/**
 * Launches the first type that EC2 has room for and the account's quota of vCPUs leaves room for, and returns the
 * instance's id. Each type has an idempotency token of its own: a step that runs again has to look for what an earlier
 * try launched, whichever type it was.
 * @throws InsufficientCapacity when EC2 has none for any, and for one of them only now; QuotaReached when it is the quota
 */
export async function launchFirst(
  instanceTypes: readonly string[],
  settings: RunInstancesCommandInput,
): Promise<string> {
  const refusals: Error[] = [];
  for (const instanceType of instanceTypes) {
    try {
      // Missing room is a server error to the SDK, which would ask five times before the next type had its turn.
      const { Instances = [] } = await ec2Once.send(
        new RunInstancesCommand({
          ...settings,
          InstanceType: instanceType as _InstanceType,
          ClientToken: createHash('sha256').update(`${settings.ClientToken}/${instanceType}`).digest('hex'),
        }),
      );
      return Instances[0]?.InstanceId ?? '';
    } catch (error) {
      const named = nameAwsError(error);
      if (!isAboutType(named, error)) throw error;
      refusals.push(named);
    }
  }
  const told = `EC2 launches none of ${instanceTypes.join(', ')}: ${refusals.map(({ message }) => message).join('; ')}`;
  if (refusals.some((refusal) => refusal instanceof InsufficientCapacity))
    throw new InsufficientCapacity(told);
  if (refusals.some((refusal) => refusal instanceof QuotaReached)) throw new QuotaReached(told);
  throw new AwsRefused(told);
}

/** Whether another type may be launched all the same: other families have other room, smaller ones need less quota. */
function isAboutType(named: unknown, error: unknown): named is Error {
  if (named instanceof InsufficientCapacity || named instanceof QuotaReached) return true;
  return named instanceof AwsRefused && UNSUPPORTED.has(awsErrorCode(error) ?? '');
}
