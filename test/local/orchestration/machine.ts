import type { HistoryEvent } from '@aws-sdk/client-sfn';
import type { Call } from '../../../local/service.ts';
import { AwsError } from '../../../local/service.ts';
import type { StepFunctionsService } from '../../../local/step-functions/service.ts';
import { makeStepFunctionsService } from '../../../local/step-functions/service.ts';
import type { TestContext } from './context.ts';

/** A function in this process, where a test is not about Lambda itself. */
export type TestFunction = (event: never) => unknown;

export interface Execution {
  readonly arn: string;
  /** DescribeExecution once it has ended; output parsed. */
  readonly end: () => Promise<Record<string, unknown>>;
  readonly stop: (reason?: { error?: string; cause?: string }) => Promise<void>;
}

export interface Machine {
  readonly service: StepFunctionsService;
  readonly calls: {
    readonly name: string;
    readonly event: unknown;
    readonly execution: string | undefined;
  }[];
  start(input: unknown, name?: string): Promise<Execution>;
  /** Starts and waits for the end. */
  run(input: unknown): Promise<Record<string, unknown>>;
  history(arn: string): Promise<HistoryEvent[]>;
  operation(name: string, input?: Record<string, unknown>): Promise<Record<string, unknown>>;
}

export const MACHINE_ARN = 'arn:aws:states:us-east-1:123456789012:stateMachine:Machine';

export const functionArn = (name: string) => `arn:aws:lambda:us-east-1:123456789012:function:${name}`;

/** A Task state that calls a test function. */
export const task = (name: string, more: Record<string, unknown> = {}) => ({
  Type: 'Task',
  Resource: functionArn(name),
  TimeoutSeconds: 30,
  ...more,
});

const CALL: Call = { requestId: 'r', caller: 'anonymous', signal: new AbortController().signal, effects: {} };

/** A state machine in a Step Functions service of its own; `definition` undefined goes on with what the state folder holds. */
export async function makeMachine(
  context: TestContext,
  definition: unknown,
  functions: Record<string, TestFunction> = {},
  options: { waitMs?: number; timeScale?: number } = {},
): Promise<Machine> {
  const calls: Machine['calls'] = [];
  const service = await makeStepFunctionsService(context, {
    timeScale: options.timeScale ?? 0.001,
    ...(options.waitMs === undefined ? {} : { waitMs: options.waitMs }),
    log: () => {},
    lambda: {
      invoke: async ({ functionName, payload, execution }) => {
        const name = functionName.split(':').at(-1) ?? '';
        const run = functions[name];
        if (!run) throw new AwsError('ResourceNotFoundException', `Function not found: ${functionName}`, 404);
        const event = JSON.parse(payload);
        calls.push({ name, event, execution });
        try {
          const result = await run(event as never);
          return { payload: JSON.stringify(result ?? null), failed: false, requestId: 'r', logTail: '' };
        } catch (error) {
          const { name: errorType, message: errorMessage } = error as Error;
          return {
            payload: JSON.stringify({ errorType, errorMessage, trace: [] }),
            failed: true,
            requestId: 'r',
            logTail: '',
          };
        }
      },
    },
  });
  if (definition !== undefined) {
    await service.putMachine({
      name: 'Machine',
      roleArn: 'arn:aws:iam::123456789012:role/machine',
      tracingEnabled: false,
      definition: JSON.stringify(definition),
    });
  }
  const operation: Machine['operation'] = async (name, input = {}) => service.operations[name]?.(input, CALL);
  const start: Machine['start'] = async (input, name) => {
    const started = await operation('StartExecution', {
      stateMachineArn: MACHINE_ARN,
      input: JSON.stringify(input),
      ...(name === undefined ? {} : { name }),
    });
    const arn = String(started.executionArn);
    return {
      arn,
      end: async () => {
        for (;;) {
          const described = await operation('DescribeExecution', { executionArn: arn });
          if (described.status !== 'RUNNING') return withParsedOutput(described);
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      },
      stop: async (reason = {}) => {
        await operation('StopExecution', { executionArn: arn, ...reason });
      },
    };
  };
  return {
    service,
    calls,
    start,
    run: async (input) => (await start(input)).end(),
    history: async (arn) =>
      (await operation('GetExecutionHistory', { executionArn: arn, maxResults: 1000 }))
        .events as HistoryEvent[],
    operation,
  };
}

function withParsedOutput(described: Record<string, unknown>): Record<string, unknown> {
  if (typeof described.output !== 'string') return described;
  return { ...described, output: JSON.parse(described.output) };
}
