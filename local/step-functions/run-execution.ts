import type { RegionContext } from '../service.ts';
import { runBody } from './bodies.ts';
import type { PreparedMachine } from './definition.ts';
import type { Ending, ExecutionRecord } from './execution-record.ts';
import type { ExecutionStore } from './execution-store.ts';
import { Interruption, limitedText, StateFailure } from './failure.ts';
import type { HistoryBranch } from './history.ts';
import { startHistory } from './history.ts';
import type { Frame, InterpreterServices } from './interpreter.ts';
import { runScope } from './interpreter.ts';
import type { Json } from './json.ts';
import type { Machine } from './machines.ts';
import { historyFull } from './map-state.ts';

/** Why an execution ends that has not come to its own end. */
export class Ended extends Interruption {
  override readonly name = 'Ended';
  readonly ending: Ending;
  constructor(ending: Ending) {
    super(ending.status);
    this.ending = ending;
  }
}

export interface ExecutionToRun {
  readonly record: ExecutionRecord;
  readonly machine: Machine;
  readonly prepared: PreparedMachine;
  readonly input: Json;
}

export interface RunningExecution {
  /** Ends it with {@link Ended}, or with another interruption that leaves it as it is. */
  readonly control: AbortController;
  /** How it ended; undefined when it was interrupted and is to be left as it is. Never rejects. */
  readonly ended: Promise<Ending | undefined>;
  readonly history: HistoryBranch;
}

export interface RunOptions {
  readonly context: RegionContext;
  readonly store: ExecutionStore;
  readonly services: InterpreterServices;
}

/** What a Node.js timer can hold, in whole seconds. */
const LONGEST_TIMER_SECONDS = 2_147_483;

/** Starts running an execution. */
export function runExecution(execution: ExecutionToRun, options: RunOptions): RunningExecution {
  const { record, machine, prepared, input } = execution;
  const { context, store, services } = options;
  const control = new AbortController();
  const { input: text } = record;
  const { roleArn } = machine;
  const history = startHistory(
    {
      append: (line) => store.appendHistory(record.arn, line),
      now: () => context.time.now(),
      onFull: () => control.abort(historyFull()),
    },
    { executionStartedEventDetails: { input: text, inputDetails: { truncated: false }, roleArn } },
  );
  const frame: Frame = {
    services,
    rootExecution: record.arn,
    history,
    signal: control.signal,
    context: {
      Execution: {
        Id: record.arn,
        Name: record.name,
        Input: input,
        StartTime: new Date(record.startedMs).toISOString(),
        RoleArn: roleArn,
      },
      StateMachine: { Id: machine.arn, Name: machine.name },
    },
  };
  const timer = timeoutTimer(prepared.timeoutSeconds, control);
  const ended = runScope(prepared.scope, input, frame, runBody)
    .then((output): Ending => ({ status: 'SUCCEEDED', output: limitedText(output, 'The output') }))
    .catch(endingOf)
    .finally(() => clearTimeout(timer));
  return { control, ended, history };
}

function timeoutTimer(seconds: number | undefined, control: AbortController): NodeJS.Timeout | undefined {
  if (seconds === undefined) return undefined;
  // Real seconds, also where waits are scaled: functions run in real time.
  return setTimeout(
    () => control.abort(new Ended({ status: 'TIMED_OUT' })),
    Math.min(seconds, LONGEST_TIMER_SECONDS) * 1000,
  );
}

function endingOf(error: unknown): Ending | undefined {
  if (error instanceof Ended) return error.ending;
  if (error instanceof Interruption) return undefined;
  if (error instanceof StateFailure) {
    return {
      status: 'FAILED',
      ...(error.name === '' ? {} : { error: error.name }),
      ...(error.message === '' ? {} : { cause: error.message }),
    };
  }
  const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { status: 'FAILED', error: 'States.Runtime', cause: `The local region failed: ${reason}` };
}

/** Records how the execution ended, after which its history takes nothing more. */
export function recordEnding(ending: Ending, history: HistoryBranch): void {
  switch (ending.status) {
    case 'SUCCEEDED':
      history.record('ExecutionSucceeded', {
        executionSucceededEventDetails: { output: ending.output, outputDetails: { truncated: false } },
      });
      break;
    case 'FAILED':
      history.record('ExecutionFailed', { executionFailedEventDetails: detailsOf(ending) });
      break;
    case 'TIMED_OUT':
      history.fromStart('ExecutionTimedOut', { executionTimedOutEventDetails: detailsOf(ending) });
      break;
    case 'ABORTED':
      history.fromStart('ExecutionAborted', { executionAbortedEventDetails: detailsOf(ending) });
  }
  history.close();
}

export function detailsOf({ error, cause }: { error?: string; cause?: string }): {
  error?: string;
  cause?: string;
} {
  return { ...(error === undefined ? {} : { error }), ...(cause === undefined ? {} : { cause }) };
}
