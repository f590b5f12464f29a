import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { CommandError } from '../errors.ts';
import type { ClientConfig } from './client-config.ts';

/** The stack is not there, or does not tell what this command needs. */
export class StackNotUsable extends CommandError {
  override readonly name = 'StackNotUsable';
}

export type OutputName =
  | 'RepositoryUrl'
  | 'ControlBucket'
  | 'RestoreStateMachineArn'
  | 'CleanUpStateMachineArn'
  | 'PlanStateMachineArn';

export interface StackOutputs {
  /** @throws StackNotUsable when the stack has no output of that name */
  get(name: OutputName): string;
}

/** Reads the outputs of a deployed stack. @throws StackNotUsable */
export async function readStackOutputs(
  config: ClientConfig,
  { stackName, where, signal }: { stackName: string; where: string; signal: AbortSignal },
): Promise<StackOutputs> {
  const client = new CloudFormationClient(config);
  try {
    const { Stacks } = await client.send(new DescribeStacksCommand({ StackName: stackName }), {
      abortSignal: signal,
    });
    const outputs = new Map(
      Stacks?.[0]?.Outputs?.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]),
    );
    return {
      get(name) {
        const value = outputs.get(name);
        if (value !== undefined) return value;
        throw new StackNotUsable(
          `the stack ${stackName} (${where}) has no output ${name}: it is not Landfall's, or an older one`,
          'Name another stack with --stack, or deploy this version: npx cdk deploy.',
        );
      },
    };
  } catch (cause) {
    // CloudFormation has no error of its own for this: it answers ValidationError for every bad input.
    if (!(cause instanceof Error) || cause.name !== 'ValidationError') throw cause;
    throw new StackNotUsable(
      `there is no stack ${stackName} (${where})`,
      'Deploy it (npx cdk deploy), name another with --stack, or use the local region with --local.',
      { cause },
    );
  } finally {
    client.destroy();
  }
}
