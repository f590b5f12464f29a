import { DescribeInstanceStatusCommand } from '@aws-sdk/client-ec2';
import { z } from 'zod';
import { ec2 } from '../runtime/ec2.ts';
import { markReady, restoreContextSchema } from '../runtime/ledger.ts';
import { nextPoll, pollSchema, unseen } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';

const inputSchema = restoreContextSchema.extend({ instanceId: z.string().min(1), poll: pollSchema });

/** Looks at the instance's status checks: running is not booted. Both checks must be `ok`; the first that is not tells the status. */
export const handler = makeStep(inputSchema, async ({ instanceId, poll, ...context }) => {
  const { InstanceStatuses = [] } = await ec2.send(
    new DescribeInstanceStatusCommand({ InstanceIds: [instanceId], IncludeAllInstances: true }),
  );
  const found = InstanceStatuses[0];
  const checks = [
    found?.SystemStatus?.Status ?? 'initializing',
    found?.InstanceStatus?.Status ?? 'initializing',
  ];
  const state = found?.InstanceState?.Name ?? unseen(poll);
  // An instance that stopped again has no checks to wait for.
  const status = state === 'running' ? (checks.find((check) => check !== 'ok') ?? 'ok') : state;
  if (status === 'ok') await markReady(context, { kind: 'start', name: 'target' });
  const message = `instance ${instanceId} is ${state}; system check ${checks[0]}, instance check ${checks[1]}`;
  return { status, message, instanceId, poll: nextPoll(poll) };
});
