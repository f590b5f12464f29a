import { EC2ServiceException } from '@aws-sdk/client-ec2';
import { onTestFinished } from 'vitest';
import { ec2, ec2Once } from '../../lambdas/runtime/ec2.ts';

// Never read: no call of a scripted client leaves the process.
process.env.AWS_REGION ??= 'us-east-1';

export type Answer = (input: Record<string, unknown>) => object;

/** Answers the steps' calls of EC2, by operation, until the test has ended; returns them as they come. */
export function scriptEc2(answers: Readonly<Record<string, Answer>>): { operation: string; input: object }[] {
  const calls: { operation: string; input: object }[] = [];
  for (const client of [ec2, ec2Once]) {
    client.middlewareStack.add(
      (_next, { commandName = '' }) =>
        async ({ input }) => {
          const operation = commandName.replace(/Command$/, '');
          const answer = answers[operation];
          if (!answer) throw new Error(`no answer for ${operation}`);
          calls.push({ operation, input });
          // The output's type is that of whichever command it is.
          return { output: { $metadata: {}, ...answer({ ...input }) } as never, response: {} };
        },
      { step: 'initialize', priority: 'high', name: 'scripted', override: true },
    );
    onTestFinished(() => void client.middlewareStack.remove('scripted'));
  }
  return calls;
}

/** Makes EC2 refuse. */
export const refusal =
  (code: string, httpStatusCode = 400): Answer =>
  () => {
    throw new EC2ServiceException({
      name: code,
      message: `${code} it is`,
      $fault: httpStatusCode < 500 ? 'client' : 'server',
      $metadata: { httpStatusCode },
    });
  };

export const instanceIn =
  (state: string | undefined): Answer =>
  () => ({ Reservations: state === undefined ? [] : [{ Instances: [{ State: { Name: state } }] }] });
