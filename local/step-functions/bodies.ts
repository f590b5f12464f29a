import { setTimeout as realSleep } from 'node:timers/promises';
import type { InvocationResult } from '../lambda/invocation.ts';
import { AwsError } from '../service.ts';
import { RegionStopped } from '../time.ts';
import { limitedText, runtimeFailure, StateFailure, Stopped } from './failure.ts';
import type { Attempt, Frame } from './interpreter.ts';
import { runScope, stopIfAborted } from './interpreter.ts';
import type { Json } from './json.ts';
import { isJsonObject, parseJson } from './json.ts';
import { runMap } from './map-state.ts';
import { runParallel } from './parallel-state.ts';
import { valueAt } from './paths.ts';
import type { ContextObject } from './payload-template.ts';
import { fillExpression } from './payload-template.ts';
import type { ScopeState, StateBody, WaitUntil } from './scope.ts';

/** AWS's quotas on the parts of a failure, in characters. */
const ERROR_CHARACTERS = 256;
const CAUSE_CHARACTERS = 32_768;

/** Runs what a state does; retries, catches and the data around it are the interpreter's. */
export async function runBody(state: ScopeState, input: Json, frame: Frame, attempt: Attempt): Promise<Json> {
  const { body } = state;
  const context: ContextObject = { ...frame.context, State: { Name: state.name } };
  switch (body?.kind) {
    case 'pass':
      if (body.result !== undefined) return body.result;
      return body.parameters ? body.parameters(input, context) : input;
    case 'wait':
      await runWait(body.until, input, frame);
      return input;
    case 'fail':
      throw failureOf(body, input, context);
    case 'lambda': {
      const payload = body.parameters ? body.parameters(input, context) : input;
      const result = await runLambda({ state, body, payload }, frame, attempt);
      return body.resultSelector ? body.resultSelector(result, context) : result;
    }
    case 'parallel': {
      const branchInput = body.parameters ? body.parameters(input, context) : input;
      const results = await runParallel(body.branches, branchInput, frame, (...args) =>
        runScope(...args, runBody),
      );
      return body.resultSelector ? body.resultSelector(results, context) : results;
    }
    case 'map': {
      const results = await runMap({ state, body, input, context }, frame, (...args) =>
        runScope(...args, runBody),
      );
      return body.resultSelector ? body.resultSelector(results, context) : results;
    }
    case undefined:
      throw new Error(`state "${state.name}" has nothing to run`);
  }
}

async function runWait(until: WaitUntil, input: Json, { services, signal }: Frame): Promise<void> {
  const seconds =
    until.kind === 'seconds' ? secondsOf(until, input) : secondsUntil(until, input, services.now());
  try {
    if (services.waitMs === undefined) await services.sleep(seconds, signal);
    else await realSleep(services.waitMs, undefined, { signal });
  } catch {
    // Nothing but an end interrupts a wait: the execution's own, or the region's.
    throw new Stopped();
  }
}

function secondsOf(until: Extract<WaitUntil, { kind: 'seconds' }>, input: Json): number {
  if (typeof until.seconds === 'number') return until.seconds;
  const value = valueAt(until.seconds, input);
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value;
  throw runtimeFailure(
    `The SecondsPath parameter does not reference a non-negative integer: ${until.seconds.text} == ${JSON.stringify(value)}`,
  );
}

function secondsUntil(until: Extract<WaitUntil, { kind: 'timestamp' }>, input: Json, now: Date): number {
  const value = typeof until.timestamp === 'string' ? until.timestamp : valueAt(until.timestamp, input);
  const time = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  if (!Number.isNaN(time)) return Math.max(0, (time - now.getTime()) / 1000);
  throw runtimeFailure(
    `The TimestampPath parameter does not reference a valid timestamp: ${JSON.stringify(value)}`,
  );
}

function failureOf(
  { error, cause }: Extract<StateBody, { kind: 'fail' }>,
  data: Json,
  context: ContextObject,
): StateFailure {
  const text = (expression: typeof error, field: string) => {
    if (!expression) return '';
    const value = fillExpression(expression, { field, data, context });
    if (typeof value === 'string') return value;
    throw runtimeFailure(
      `The ${field} of the state '${context.State.Name}' is not a string: ${JSON.stringify(value)}`,
    );
  };
  return new StateFailure(text(error, 'ErrorPath'), text(cause, 'CausePath').slice(0, CAUSE_CHARACTERS));
}

interface LambdaTask {
  readonly state: ScopeState;
  readonly body: Extract<StateBody, { kind: 'lambda' }>;
  readonly payload: Json;
}

async function runLambda(
  { state, body, payload }: LambdaTask,
  frame: Frame,
  attempt: Attempt,
): Promise<Json> {
  const { history, services, signal } = frame;
  const input = limitedText(payload, `The parameters of the state/task '${state.name}'`);
  const { functionArn: resource, timeoutSeconds: timeoutInSeconds } = body;
  history.record('LambdaFunctionScheduled', {
    lambdaFunctionScheduledEventDetails: {
      resource,
      input,
      inputDetails: { truncated: false },
      timeoutInSeconds,
    },
  });
  history.record('LambdaFunctionStarted');
  let result: InvocationResult;
  try {
    const invocation = services.invoke({
      functionName: resource,
      payload: input,
      execution: frame.rootExecution,
    });
    result = await unlessAborted(invocation, signal);
  } catch (error) {
    if (error instanceof RegionStopped || error instanceof Stopped) throw new Stopped();
    if (!(error instanceof AwsError)) throw runtimeFailure(`The local region failed: ${error}`);
    throw failTask(new StateFailure(`Lambda.${error.code}`, error.message), frame, attempt);
  }
  // Timed out meanwhile: the library has gone on, what it came to no longer counts.
  if (attempt.over) throw new Stopped();
  const output = outputOf(state, result);
  if (output instanceof StateFailure) throw failTask(output, frame, attempt);
  history.record('LambdaFunctionSucceeded', {
    lambdaFunctionSucceededEventDetails: { output: result.payload, outputDetails: { truncated: false } },
  });
  return output;
}

function failTask(failure: StateFailure, { history }: Frame, attempt: Attempt): StateFailure {
  if (attempt.over) return failure;
  history.record('LambdaFunctionFailed', {
    lambdaFunctionFailedEventDetails: { error: failure.name, cause: failure.message },
  });
  return failure;
}

function outputOf(state: ScopeState, result: InvocationResult): Json | StateFailure {
  const value = parseJson(result.payload);
  if (result.failed) {
    const named = isJsonObject(value) && typeof value.errorType === 'string' ? value.errorType : '';
    const error = named === '' ? 'Lambda.Unknown' : named.slice(0, ERROR_CHARACTERS);
    return new StateFailure(error, result.payload.slice(0, CAUSE_CHARACTERS));
  }
  try {
    limitedText(value, `The state/task '${state.name}' returned a result with a size that`);
    return value;
  } catch (error) {
    if (error instanceof StateFailure) return error;
    throw error;
  }
}

/** The promise's value, unless the signal is aborted first. @throws Stopped */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  stopIfAborted(signal);
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(new Stopped());
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
