import { DescribeExecutionCommand, type DescribeExecutionCommandOutput } from '@aws-sdk/client-sfn';
import { z } from 'zod';
import { InvalidId, parseRestoreId, type RestoreId } from '../../core/model/ids.ts';
import type { Connection } from '../connection/connection.ts';
import { BadRequest } from '../errors.ts';
import { type Attempt, makeRestoreRecords, type RestoreRecords } from './records.ts';

/** What Step Functions knows of an execution, as far as the command line needs it. */
export interface Execution {
  readonly arn: string;
  readonly name: string;
  readonly status: 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';
  readonly startedAt?: Date;
  readonly endedAt?: Date;
  readonly input?: string;
  readonly output?: string;
  readonly error?: string;
  readonly cause?: string;
}

/** A restore as somebody named it: its execution, its attempt, or both. */
export interface FoundRestore {
  readonly records: RestoreRecords;
  readonly restoreId: string;
  /** Absent where the execution failed before it claimed the restore. */
  readonly attempt?: Attempt;
  /** Absent 90 days after its end, when Step Functions has forgotten it. */
  readonly execution?: Execution;
}

const EXECUTION_ARN = /^arn:[a-z-]+:states:[a-z0-9-]+:\d{12}:execution:([^:]+):([^:]+)$/;

export async function openRecords(connection: Connection): Promise<RestoreRecords> {
  const outputs = await connection.stackOutputs();
  return makeRestoreRecords(connection.s3, outputs.get('ControlBucket'));
}

/** Finds a restore by the ARN or name of an execution, or by its restoreId (then its latest attempt). @throws BadRequest */
export async function findRestore(connection: Connection, text: string): Promise<FoundRestore> {
  const records = await openRecords(connection);
  if (!text.startsWith('arn:')) {
    const restoreId = restoreIdIn(text);
    const claim = restoreId && (await records.claim(restoreId));
    if (restoreId !== undefined && claim !== undefined) {
      const execution = await describeExecution(connection, claim.executionArn);
      return { records, restoreId, attempt: { restoreId, attempt: claim.attempt }, execution };
    }
  }
  const execution = await findExecution(connection, text);
  if (execution === undefined) {
    throw new BadRequest(
      `there is no restore and no execution "${text}"`,
      'Name a restoreId, or an execution by its name or ARN ("aws stepfunctions list-executions" lists them).',
    );
  }
  const restoreId = restoreIdOf(execution);
  return {
    records,
    restoreId,
    attempt: await findAttempt(records, { restoreId, arn: execution.arn }),
    execution,
  };
}

/** `undefined` for what can be an execution's name only: those have more characters, and other ones. */
function restoreIdIn(text: string): RestoreId | undefined {
  try {
    return parseRestoreId(text);
  } catch (error) {
    if (error instanceof InvalidId) return undefined;
    throw error;
  }
}

/** `undefined` where Step Functions knows none. */
export async function describeExecution(connection: Connection, arn: string): Promise<Execution | undefined> {
  try {
    return parseExecution(await connection.sfn.send(new DescribeExecutionCommand({ executionArn: arn })));
  } catch (error) {
    if (error instanceof Error && ['ExecutionDoesNotExist', 'InvalidArn'].includes(error.name))
      return undefined;
    throw error;
  }
}

const describedSchema = z.object({
  executionArn: z.string(),
  name: z.string(),
  // Redrives are not used here: PENDING_REDRIVE, or anything newer, is an error and not something to wait for.
  status: z.enum(['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED']),
});

function parseExecution(answer: DescribeExecutionCommandOutput): Execution {
  const { executionArn: arn, name, status } = describedSchema.parse(answer);
  return {
    arn,
    name,
    status,
    startedAt: answer.startDate,
    endedAt: answer.stopDate,
    input: answer.input,
    output: answer.output,
    error: answer.error,
    cause: answer.cause,
  };
}

/** A restore that was refused before it claimed its id is known by its first execution only. */
async function findExecution(connection: Connection, text: string): Promise<Execution | undefined> {
  if (text.startsWith('arn:'))
    return EXECUTION_ARN.test(text) ? await describeExecution(connection, text) : undefined;
  const arn = await executionArnOf(connection, text);
  return (await describeExecution(connection, arn)) ?? (await describeExecution(connection, `${arn}-1`));
}

async function executionArnOf(connection: Connection, name: string): Promise<string> {
  const machine = (await connection.stackOutputs()).get('RestoreStateMachineArn');
  return `${machine.replace(':stateMachine:', ':execution:')}:${name}`;
}

/** The request's restoreId, else the execution's name: the rule of the state machine. */
function restoreIdOf({ input, name }: Execution): string {
  try {
    return z.object({ restoreId: z.string() }).parse(JSON.parse(input ?? '')).restoreId;
  } catch {
    return name;
  }
}

/** The attempt that an execution made: its plan names the execution. */
async function findAttempt(
  records: RestoreRecords,
  { restoreId, arn }: { restoreId: string; arn: string },
): Promise<Attempt | undefined> {
  const claim = await records.claim(restoreId);
  for (let attempt = claim?.attempt ?? 0; attempt > 0; attempt -= 1) {
    if (claim?.attempt === attempt && claim.executionArn === arn) return { restoreId, attempt };
    const plan = await records.plan({ restoreId, attempt });
    if (plan?.executionArn === arn) return { restoreId, attempt };
  }
  return undefined;
}
