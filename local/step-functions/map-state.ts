import { randomUUID } from 'node:crypto';
import { limitedText, runtimeFailure, SiblingFailed, StateFailure } from './failure.ts';
import { startHistory } from './history.ts';
import type { Frame } from './interpreter.ts';
import type { Json } from './json.ts';
import type { ScopeRunner } from './parallel-state.ts';
import { valueAt } from './paths.ts';
import type { ContextObject } from './payload-template.ts';
import type { ScopeState, StateBody } from './scope.ts';

export interface MapTask {
  readonly state: ScopeState;
  readonly body: Extract<StateBody, { kind: 'map' }>;
  readonly input: Json;
  readonly context: ContextObject;
}

/** AWS runs no more iterations of an inline Map at once, whatever its MaxConcurrency. */
const INLINE_ITERATIONS = 40;
const DISTRIBUTED_CHILDREN = 10_000;

/**
 * Runs every item through the processor and returns the results in the items' order. The first failure stops the rest.
 * Children of a distributed Map are executions of their own: their events are not in this history, and their failure
 * shows here only as States.ExceedToleratedFailureThreshold, as on AWS.
 * @throws StateFailure; the signal's reason when that is aborted
 */
export async function runMap(task: MapTask, frame: Frame, run: ScopeRunner): Promise<Json[]> {
  const items = itemsOf(task);
  const most = concurrencyOf(task);
  const { history } = frame;
  history.record('MapStateStarted', { mapStateStartedEventDetails: { length: items.length } });
  if (task.body.mode === 'INLINE') {
    const results = await runItems(
      { task, items, most: Math.min(most || INLINE_ITERATIONS, INLINE_ITERATIONS) },
      frame,
      {
        runItem: inlineIteration(task, run),
      },
    );
    history.recordAside('MapStateSucceeded');
    return results;
  }
  const mapRunArn = mapRunArnOf(task);
  history.record('MapRunStarted', { mapRunStartedEventDetails: { mapRunArn } });
  const results = await runItems(
    { task, items, most: Math.min(most || DISTRIBUTED_CHILDREN, DISTRIBUTED_CHILDREN) },
    frame,
    {
      runItem: childExecution(task, run),
    },
  );
  history.record('MapRunSucceeded');
  history.recordAside('MapStateSucceeded');
  return results;
}

type ItemRunner = (item: Json, index: number, frame: Frame) => Promise<Json>;

interface Items {
  readonly task: MapTask;
  readonly items: readonly Json[];
  readonly most: number;
}

async function runItems(
  { task, items, most }: Items,
  frame: Frame,
  { runItem }: { runItem: ItemRunner },
): Promise<Json[]> {
  const siblings = new AbortController();
  const signal = AbortSignal.any([frame.signal, siblings.signal]);
  const results = new Array<Json>(items.length).fill(null);
  let next = 0;
  let failure: { readonly error: unknown } | undefined;
  const worker = async () => {
    while (next < items.length && failure === undefined && !signal.aborted) {
      const index = next;
      next += 1;
      try {
        const item = selectItem(task, items[index] ?? null, index);
        results[index] = await runItem(item, index, { ...frame, signal });
      } catch (error) {
        failure ??= { error };
        siblings.abort(new SiblingFailed());
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker));
  frame.signal.throwIfAborted();
  if (failure === undefined) return results;
  if (failure.error instanceof StateFailure) recordFailure(task, failure.error, frame);
  throw failure.error;
}

function recordFailure({ body }: MapTask, failure: StateFailure, { history }: Frame): void {
  if (body.mode === 'DISTRIBUTED') {
    const { name: error, message: cause } = failure;
    history.record('MapRunFailed', { mapRunFailedEventDetails: { error, cause } });
    history.record('MapStateFailed');
  } else history.recordAside('MapStateFailed');
}

function selectItem({ body, input, context }: MapTask, item: Json, index: number): Json {
  if (!body.selector) return item;
  return body.selector(input, { ...context, Map: { Item: { Index: index, Value: item } } });
}

/** An iteration of an inline Map: part of the execution and its history. */
function inlineIteration({ state, body }: MapTask, run: ScopeRunner): ItemRunner {
  return async (item, index, frame) => {
    const line = frame.history.fork();
    const details = { name: state.name, index };
    line.record('MapIterationStarted', { mapIterationStartedEventDetails: details });
    // A failure closes every line of this Map but the one it happened on.
    const close = () => {
      line.recordAside('MapIterationAborted', { mapIterationAbortedEventDetails: details });
      line.close();
    };
    frame.signal.addEventListener('abort', close, { once: true });
    try {
      const result = await run(body.processor, item, { ...frame, history: line });
      line.recordAside('MapIterationSucceeded', { mapIterationSucceededEventDetails: details });
      frame.history.continueFrom(line);
      return result;
    } catch (error) {
      if (error instanceof StateFailure) {
        line.recordAside('MapIterationFailed', { mapIterationFailedEventDetails: details });
        frame.history.continueFrom(line);
      }
      throw error;
    } finally {
      frame.signal.removeEventListener('abort', close);
    }
  };
}

/** A child of a distributed Map: an execution of its own, with its own context object and its own quota of events. */
function childExecution(task: MapTask, run: ScopeRunner): ItemRunner {
  const { body, context } = task;
  return async (item, index, frame) => {
    const { services } = frame;
    const Name = randomUUID();
    const Id = `${context.Execution.Id.split(':').slice(0, 6).join(':')}:${machineNameOf(context)}/${body.label}:${Name}`;
    const full = new AbortController();
    const history = startHistory({ now: services.now, onFull: () => full.abort(historyFull()) }, {});
    const { RoleArn } = context.Execution;
    const childFrame: Frame = {
      ...frame,
      history,
      signal: AbortSignal.any([frame.signal, full.signal]),
      context: {
        Execution: { Id, Name, Input: item, StartTime: services.now().toISOString(), RoleArn },
        StateMachine: {
          Id: `${context.StateMachine.Id.split('/')[0]}/${body.label}`,
          Name: `${machineNameOf(context)}/${body.label}`,
        },
      },
    };
    try {
      limitedText(item, `The input of item ${index}`);
      return await run(body.processor, item, childFrame);
    } catch (error) {
      if (!(error instanceof StateFailure)) throw error;
      services.log(
        `item ${index} of Map "${task.state.name}" (${Id}) failed: ${error.name}: ${error.message.slice(0, 2000)}`,
      );
      throw new StateFailure(
        'States.ExceedToleratedFailureThreshold',
        'The specified tolerated failure threshold was exceeded',
      );
    }
  };
}

/** The execution has recorded as many events as AWS lets one have. */
export function historyFull(): StateFailure {
  return runtimeFailure('The execution reached the maximum number of history events (25000).');
}

function machineNameOf({ StateMachine }: ContextObject): string {
  return StateMachine.Name.split('/')[0] ?? StateMachine.Name;
}

function mapRunArnOf({ body, context }: MapTask): string {
  const [, , , region = '', account = ''] = context.StateMachine.Id.split(':');
  return `arn:aws:states:${region}:${account}:mapRun:${machineNameOf(context)}/${body.label}:${randomUUID()}`;
}

function itemsOf({ state, body, input }: MapTask): readonly Json[] {
  const items = valueAt(body.items, input);
  if (Array.isArray(items)) return items;
  throw runtimeFailure(
    `The ItemsPath '${body.items.text}' of the Map state '${state.name}' does not reference an array: ${JSON.stringify(items)?.slice(0, 200)}`,
  );
}

function concurrencyOf({ state, body, input }: MapTask): number {
  if (typeof body.maxConcurrency === 'number') return body.maxConcurrency;
  const value = valueAt(body.maxConcurrency, input);
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value;
  throw runtimeFailure(
    `The MaxConcurrencyPath of the Map state '${state.name}' does not reference a non-negative integer: ${JSON.stringify(value)}`,
  );
}
