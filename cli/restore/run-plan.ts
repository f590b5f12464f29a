import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartExecutionCommand } from '@aws-sdk/client-sfn';
import { type PlanReport, planReportSchema } from '../../core/model/plan-report.ts';
import type { Connection } from '../connection/connection.ts';
import { CommandError } from '../errors.ts';
import type { Host } from '../host.ts';
import { errorOf } from './describe-restore.ts';
import { describeExecution, type Execution } from './find-restore.ts';

/** The plan could not be made: not for what was asked, but for how it went. */
export class PlanFailed extends CommandError {
  override readonly name = 'PlanFailed';
}

/** AWS charges and limits requests, a local region does not. */
const POLL_MS: Readonly<Record<Connection['kind'], number>> = { aws: 1_000, endpoint: 200, local: 100 };
// A plan takes seconds; the state machine itself waits longer for room among the account's Lambdas.
const DEADLINE_MS = 300_000;

/** Has the stack say what a restore with this request would do. @throws PlanFailed */
export async function runPlan(
  connection: Connection,
  { host, request }: { host: Host; request: unknown },
): Promise<PlanReport> {
  const stateMachineArn = (await connection.stackOutputs()).get('PlanStateMachineArn');
  const { executionArn = '' } = await connection.sfn.send(
    new StartExecutionCommand({
      stateMachineArn,
      name: `plan-${randomBytes(8).toString('hex')}`,
      input: JSON.stringify(request),
    }),
  );
  const execution = await untilEnded(connection, { host, executionArn });
  if (execution.status === 'SUCCEEDED') return parseReport(execution);
  const error = errorOf({ execution });
  throw new PlanFailed(
    `the plan could not be made: ${error === undefined ? execution.status : `${error.name}: ${error.cause}`}`,
    'Nothing was created. Try again; where it fails again, the stack’s logs of plan-restore tell more.',
  );
}

async function untilEnded(
  connection: Connection,
  { host, executionArn }: { host: Host; executionArn: string },
): Promise<Execution> {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const execution = await describeExecution(connection, executionArn);
    if (execution && execution.status !== 'RUNNING') return execution;
    if (Date.now() > deadline) {
      throw new PlanFailed(
        `the plan is not made after ${DEADLINE_MS / 60_000} minutes (${executionArn})`,
        'Look whether the account’s Lambda concurrency is in use.',
      );
    }
    await sleep(POLL_MS[connection.kind], undefined, { signal: host.signal });
  }
}

function parseReport({ arn, output = '' }: Execution): PlanReport {
  const parsed = planReportSchema.safeParse(JSON.parse(output));
  if (parsed.success) return parsed.data;
  throw new PlanFailed(
    `the answer of ${arn} is not what this version reads: ${parsed.error.message}`,
    'Use the version of landfall that the stack was deployed with.',
  );
}
