import type { HistoryEventType } from '@aws-sdk/client-sfn';
import { ExecutionError } from 'aws-local-stepfunctions';
import type { InvocationResult, InvokeFunctionInput } from '../lambda/invocation.ts';
import { Interruption, limitedText, StateFailure, Stopped } from './failure.ts';
import type { HistoryBranch } from './history.ts';
import type { Json } from './json.ts';
import type { ContextObject } from './payload-template.ts';
import type { Scope, ScopeState } from './scope.ts';

export interface InterpreterServices {
  invoke(input: InvokeFunctionInput): Promise<InvocationResult>;
  /** Simulated seconds. Rejects with the signal's reason, or when the region stops. */
  sleep(seconds: number, signal: AbortSignal): Promise<void>;
  /** Replaces every Wait and retry pause, real milliseconds. */
  readonly waitMs: number | undefined;
  now(): Date;
  log(line: string): void;
}

/** Where a scope runs: for which execution, in which line of its history, until when. */
export interface Frame {
  readonly services: InterpreterServices;
  /** ARN of the execution that everything is done for, also in children of a distributed Map. */
  readonly rootExecution: string;
  readonly context: Omit<ContextObject, 'State'>;
  readonly history: HistoryBranch;
  /** Aborted with a reason of its own: a failure, or the way the execution ends. */
  readonly signal: AbortSignal;
}

/** One try of a state's body. It is over when the body has ended, or when nobody waits for it any more. */
export interface Attempt {
  over: boolean;
}

export type BodyRunner = (state: ScopeState, input: Json, frame: Frame, attempt: Attempt) => Promise<Json>;

/**
 * Runs the states of a scope to their end and returns the last one's output.
 * @throws StateFailure that no Catch took; Interruption, above all the signal's reason when that is aborted
 */
export async function runScope(scope: Scope, input: Json, frame: Frame, runBody: BodyRunner): Promise<Json> {
  frame.signal.throwIfAborted();
  const failed = new AbortController();
  const signal = AbortSignal.any([frame.signal, failed.signal]);
  const inner: Frame = { ...frame, signal };
  const attempts = new Map<string, Attempt>();
  const run = scope.machine.run(input, { overrides: overridesOf(scope, inner, attempts, runBody) });
  const abort = () => run.abort();
  signal.addEventListener('abort', abort, { once: true });
  const followed = follow(run.eventLogs, scope, { frame: inner, attempts }).catch((error: unknown) =>
    failed.abort(error),
  );
  try {
    const output = await run.result;
    await followed;
    signal.throwIfAborted();
    return output;
  } catch (error) {
    signal.throwIfAborted();
    await followed;
    throw asThrown(error);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

type LibraryRun = ReturnType<Scope['machine']['run']>;
type Overrides = NonNullable<NonNullable<Parameters<Scope['machine']['run']>[1]>['overrides']>;

function overridesOf(
  scope: Scope,
  frame: Frame,
  attempts: Map<string, Attempt>,
  runBody: BodyRunner,
): Overrides {
  const withBody = [...scope.states.values()].filter((state) => state.body !== undefined);
  const handlerOf = (state: ScopeState) => async (input: Json) => {
    const attempt: Attempt = { over: false };
    attempts.set(state.name, attempt);
    try {
      // The library calls this before its own event of entering the state is read; one turn later it has been.
      await new Promise((resolve) => setImmediate(resolve));
      stopIfAborted(frame.signal);
      return await runBody(state, input, frame, attempt);
    } finally {
      attempt.over = true;
    }
  };
  const { waitMs } = frame.services;
  return {
    taskResourceLocalHandlers: Object.fromEntries(withBody.map((state) => [state.name, handlerOf(state)])),
    ...(waitMs === undefined
      ? {}
      : { retryIntervalOverrides: Object.fromEntries(withBody.map((state) => [state.name, waitMs])) }),
  };
}

/** @throws Stopped */
export function stopIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new Stopped();
}

/** Writes the library's events into the history. @throws StateFailure when data is larger than AWS allows */
async function follow(
  events: LibraryRun['eventLogs'],
  scope: Scope,
  { frame, attempts }: { frame: Frame; attempts: ReadonlyMap<string, Attempt> },
): Promise<void> {
  const { history } = frame;
  for await (const event of events) {
    if (event.type === 'StateEntered') {
      const { name } = event.state;
      const input = limitedText(event.state.input, `The input of the state '${name}'`);
      history.record(eventType(scope, name, 'Entered'), {
        stateEnteredEventDetails: { name, input, inputDetails: { truncated: false } },
      });
    } else if (event.type === 'StateExited') {
      const { name } = event.state;
      const output = limitedText(event.state.output, `The output of the state '${name}'`);
      history.record(eventType(scope, name, 'Exited'), {
        stateExitedEventDetails: { name, output, outputDetails: { truncated: false } },
      });
    } else if (event.type === 'StateFailed' && event.Error === 'States.Timeout') {
      const attempt = attempts.get(event.state.name);
      // Still under way: it was the library that gave up on it, by the task's TimeoutSeconds.
      if (!attempt || attempt.over) continue;
      attempt.over = true;
      history.record('LambdaFunctionTimedOut', {
        lambdaFunctionTimedOutEventDetails: { error: 'States.Timeout' },
      });
    }
  }
}

function eventType(scope: Scope, name: string, what: 'Entered' | 'Exited'): HistoryEventType {
  const type = scope.states.get(name)?.type;
  if (type === undefined)
    throw new Error(`the interpreter entered "${name}", which is no state of its scope`);
  if (type === 'Fail') return 'FailStateEntered';
  return `${type}State${what}`;
}

/** What the library ended with: a failure, or the interruption that our bodies ended with. */
function asThrown(error: unknown): StateFailure | Interruption {
  const cause = error instanceof ExecutionError ? error.cause : error;
  if (cause instanceof StateFailure || cause instanceof Interruption) return cause;
  if (cause instanceof Error && cause.name.startsWith('States.')) {
    // The library repeats the name as the message where it has nothing to say.
    return new StateFailure(cause.name, cause.message === cause.name ? '' : cause.message);
  }
  return new StateFailure('States.Runtime', cause instanceof Error ? cause.message : String(cause));
}
