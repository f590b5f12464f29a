import type {
  DescribeExecutionCommandInput,
  DescribeStateMachineCommandInput,
  DescribeStateMachineForExecutionCommandInput,
  ExecutionListItem,
  ListExecutionsCommandInput,
  ListStateMachinesCommandInput,
  StartExecutionCommandInput,
  StopExecutionCommandInput,
} from '@aws-sdk/client-sfn';
import type { Operation } from '../service.ts';
import { AwsError } from '../service.ts';
import type { ExecutionRecord, ExecutionSummary } from './execution-record.ts';
import { EXECUTION_STATUSES } from './execution-record.ts';
import type { ExecutionStore } from './execution-store.ts';
import type { Executions } from './executions.ts';
import { readHistory } from './history-pages.ts';
import type { Machine, Machines } from './machines.ts';
import { pageSize } from './page-size.ts';
import { pageToken, parsePageToken } from './page-token.ts';
import { redriveReason } from './status-events.ts';

export interface OperationsOptions {
  readonly machines: Machines;
  readonly executions: Executions;
  readonly store: ExecutionStore;
}

/** Step Functions' API: what the stack, the command line and a curious person need. */
export function makeOperations(options: OperationsOptions): Record<string, Operation> {
  const { machines, executions, store } = options;
  return {
    StartExecution: async (input: StartExecutionCommandInput) => {
      const machine = findMachine(machines, input.stateMachineArn);
      const { name, input: data = '{}' } = input;
      const started = await executions.start({
        machine,
        input: data,
        ...(name === undefined ? {} : { name }),
      });
      return { executionArn: started.arn, startDate: new Date(started.startedMs) };
    },
    StopExecution: async (input: StopExecutionCommandInput) => {
      const { arn } = findExecution(executions, input.executionArn);
      const { error, cause } = input;
      const stopped = await executions.stop(arn, {
        ...(error === undefined ? {} : { error }),
        ...(cause === undefined ? {} : { cause }),
      });
      return { stopDate: new Date(stopped.endedMs ?? Date.now()) };
    },
    DescribeExecution: async (input: DescribeExecutionCommandInput) => {
      const { arn } = findExecution(executions, input.executionArn);
      return describeExecution(await store.read(arn), input.includedData !== 'METADATA_ONLY');
    },
    GetExecutionHistory: (input) =>
      readHistory(input, findExecution(executions, input.executionArn).arn, store),
    ListExecutions: (input: ListExecutionsCommandInput) => listExecutions(input, options),
    ListStateMachines: (input: ListStateMachinesCommandInput) => {
      const all = machines.list();
      const size = pageSize(input.maxResults);
      const from = parsePageToken(input.nextToken, 'machines');
      const page = all.slice(from, from + size).map(({ arn, name, createdMs }) => ({
        stateMachineArn: arn,
        name,
        type: 'STANDARD',
        creationDate: new Date(createdMs),
      }));
      const more = from + size < all.length;
      return { stateMachines: page, ...(more ? { nextToken: pageToken(from + size, 'machines') } : {}) };
    },
    DescribeStateMachine: async (input: DescribeStateMachineCommandInput) => {
      const machine = findMachine(machines, input.stateMachineArn);
      const { createdMs, ...described } = describeMachine(
        machine,
        await machines.definitionText(machine.revision),
      );
      return { ...described, status: 'ACTIVE', type: 'STANDARD', creationDate: new Date(createdMs) };
    },
    DescribeStateMachineForExecution: async (input: DescribeStateMachineForExecutionCommandInput) => {
      const record = await store.read(findExecution(executions, input.executionArn).arn);
      const machine = findMachine(machines, record.machineArn);
      const { createdMs: _created, ...described } = describeMachine(
        machine,
        await machines.definitionText(record.revision),
      );
      return { ...described, revisionId: record.revision, updateDate: new Date(machine.updatedMs) };
    },
    RedriveExecution: () => {
      throw new AwsError(
        'ValidationException',
        'RedriveExecution is not simulated in the local region: start a new execution',
      );
    },
  };
}

function findMachine(machines: Machines, arn = ''): Machine {
  if (!arn.startsWith('arn:')) throw new AwsError('InvalidArn', `Invalid Arn: 'Invalid ARN prefix: ${arn}'`);
  const machine = machines.find(arn);
  if (machine) return machine;
  throw new AwsError('StateMachineDoesNotExist', `State Machine Does Not Exist: '${arn}'`);
}

function findExecution(executions: Executions, arn = ''): ExecutionSummary {
  if (!arn.startsWith('arn:')) throw new AwsError('InvalidArn', `Invalid Arn: 'Invalid ARN prefix: ${arn}'`);
  const execution = executions.find(arn);
  if (execution) return execution;
  throw new AwsError('ExecutionDoesNotExist', `Execution Does Not Exist: '${arn}'`);
}

function describeExecution(record: ExecutionRecord, withData: boolean): Record<string, unknown> {
  const reason = redriveReason(record.status);
  return {
    executionArn: record.arn,
    stateMachineArn: record.machineArn,
    name: record.name,
    status: record.status,
    startDate: new Date(record.startedMs),
    ...(record.endedMs === undefined ? {} : { stopDate: new Date(record.endedMs) }),
    ...(withData ? { input: record.input, inputDetails: { included: true } } : {}),
    ...(withData && record.output !== undefined
      ? { output: record.output, outputDetails: { included: true } }
      : {}),
    ...(record.error === undefined ? {} : { error: record.error }),
    ...(record.cause === undefined ? {} : { cause: record.cause }),
    redriveCount: 0,
    redriveStatus: reason === undefined ? 'REDRIVABLE' : 'NOT_REDRIVABLE',
    ...(reason === undefined ? {} : { redriveStatusReason: reason }),
  };
}

function listExecutions(
  input: ListExecutionsCommandInput,
  { machines, executions }: OperationsOptions,
): Record<string, unknown> {
  for (const field of ['mapRunArn', 'redriveFilter'] as const) {
    if (input[field] !== undefined) {
      throw new AwsError('ValidationException', `${field} is not simulated in the local region`);
    }
  }
  const machine = findMachine(machines, input.stateMachineArn);
  const { statusFilter } = input;
  const statuses: readonly string[] = EXECUTION_STATUSES;
  if (statusFilter !== undefined && !statuses.includes(statusFilter)) {
    throw new AwsError(
      'ValidationException',
      `1 validation error detected: Value '${statusFilter}' at 'statusFilter' failed to satisfy constraint: ` +
        `Member must satisfy enum value set: [${statuses.join(', ')}]`,
    );
  }
  const matching = executions
    .of(machine.arn)
    .filter(({ status }) => statusFilter === undefined || status === statusFilter);
  const size = pageSize(input.maxResults);
  // The page begins after an execution, not at a number: new ones come in at the front meanwhile.
  const after =
    input.nextToken === undefined
      ? -1
      : matching.findIndex(({ startedMs, name }) => listKey(startedMs, name) === input.nextToken);
  if (input.nextToken !== undefined && after < 0)
    throw new AwsError('InvalidToken', `Invalid Token: '${input.nextToken}'`);
  const page = matching.slice(after + 1, after + 1 + size);
  const last = page.at(-1);
  const more = last !== undefined && last !== matching.at(-1);
  return {
    executions: page.map(listItem),
    ...(more ? { nextToken: listKey(last.startedMs, last.name) } : {}),
  };
}

function listKey(startedMs: number, name: string): string {
  return Buffer.from(`${startedMs} ${name}`).toString('base64url');
}

function listItem({
  arn,
  machineArn,
  name,
  status,
  startedMs,
  endedMs,
}: ExecutionSummary): ExecutionListItem {
  return {
    executionArn: arn,
    stateMachineArn: machineArn,
    name,
    status,
    startDate: new Date(startedMs),
    ...(endedMs === undefined ? {} : { stopDate: new Date(endedMs) }),
  };
}

function describeMachine(machine: Machine, definition: string) {
  return {
    stateMachineArn: machine.arn,
    name: machine.name,
    definition,
    roleArn: machine.roleArn,
    createdMs: machine.createdMs,
    loggingConfiguration: machine.loggingConfiguration ?? { level: 'OFF', includeExecutionData: false },
    tracingConfiguration: { enabled: machine.tracingEnabled },
    revisionId: machine.revision,
  };
}
