import { createHash } from 'node:crypto';
import { type _InstanceType, RunInstancesCommand, type RunInstancesCommandInput } from '@aws-sdk/client-ec2';
import { AwsRefused, awsErrorCode, InsufficientCapacity, nameAwsError } from '../../runtime/aws-errors.ts';
import { ec2 } from '../../runtime/ec2.ts';

// What EC2 calls a type that is not offered in the zone: the next one may be.
const UNSUPPORTED = new Set(['Unsupported', 'UnsupportedOperation', 'InstanceTypeNotSupported']);

/**
 * Launches the first type that EC2 has room for, and returns the instance's id. Each type has an idempotency token of its
 * own: a step that runs again has to look for what an earlier try launched, whichever type it was.
 * @throws InsufficientCapacity when it has none for any, and for one of them only now
 */
export async function launchFirst(
  instanceTypes: readonly string[],
  settings: RunInstancesCommandInput,
): Promise<string> {
  const refusals: Error[] = [];
  for (const instanceType of instanceTypes) {
    try {
      const { Instances = [] } = await ec2.send(
        new RunInstancesCommand({
          ...settings,
          InstanceType: instanceType as _InstanceType,
          ClientToken: createHash('sha256').update(`${settings.ClientToken}/${instanceType}`).digest('hex'),
        }),
      );
      return Instances[0]?.InstanceId ?? '';
    } catch (error) {
      const named = nameAwsError(error);
      const isUnsupported = UNSUPPORTED.has(awsErrorCode(error) ?? '');
      if (!(named instanceof InsufficientCapacity) && !(named instanceof AwsRefused && isUnsupported))
        throw error;
      refusals.push(named);
    }
  }
  const told = `EC2 launches none of ${instanceTypes.join(', ')}: ${refusals.map(({ message }) => message).join('; ')}`;
  const mayPass = refusals.some((refusal) => refusal instanceof InsufficientCapacity);
  throw mayPass ? new InsufficientCapacity(told) : new AwsRefused(told);
}
