import { randomUUID } from 'node:crypto';
import type { RegionContext } from '../service.ts';
import { AwsError } from '../service.ts';
import { runBody } from './bodies.ts';
import { checkName, parseInput } from './execution-input.ts';
import type { Ending, ExecutionRecord, ExecutionSummary } from './execution-record.ts';
import type { ExecutionStore } from './execution-store.ts';
import { Interruption, limitedText, StateFailure } from './failure.ts';
import { startHistory } from './history.ts';
import type { Frame, InterpreterServices } from './interpreter.ts';
import { runScope } from './interpreter.ts';
import type { Json } from './json.ts';
import type { Machine, Machines } from './machines.ts';
import { historyFull } from './map-state.ts';
import { publishStatusChange } from './status-events.ts';

/** Why an execution ends that has not come to its own end. */
class Ended extends Interruption {
  override readonly name = 'Ended';
  readonly ending: Ending;
  constructor(ending: Ending) {
    super(ending.status);
    this.ending = ending;
  }
}

/** The region stops: the execution stays RUNNING on disk, and is aborted at the next start. */
class RegionStops extends Interruption {
  override readonly name = 'RegionStops';
}

export interface StartInput {
  readonly machine: Machine;
  readonly name?: string;
  /** JSON. */
  readonly input: string;
}

export interface Executions {
  /** @throws AwsError ExecutionAlreadyExists, InvalidName, InvalidExecutionInput */
  start(input: StartInput): Promise<ExecutionSummary>;
  find(arn: string): ExecutionSummary | undefined;
  /** Those of a machine, newest first. */
  of(machineArn: string): ExecutionSummary[];
  /** Resolves with the summary as it then is, ended or not any more running. */
  stop(arn: string, reason: { error?: string; cause?: string }): Promise<ExecutionSummary>;
  /** Aborts what was running when the region last stopped. */
  abortLeftOvers(): Promise<void>;
  /** Lets go of everything that runs. */
  stopAll(): Promise<void>;
}

export interface ExecutionsOptions {
  readonly context: RegionContext;
  readonly store: ExecutionStore;
  readonly machines: Machines;
  readonly services: InterpreterServices;
}

/** The error of executions that a stop of the region cut off. */
export const REGION_STOPPED = 'Region.Stopped';
const LONGEST_TIMER_SECONDS = 2_147_483;

interface Running {
  readonly control: AbortController;
  readonly done: Promise<void>;
}

export async function openExecutions(options: ExecutionsOptions): Promise<Executions> {
  const { context, store, machines } = options;
  const summaries = new Map<string, ExecutionSummary>();
  const running = new Map<string, Running>();
  const starting = new Map<string, Promise<void>>();
  let stopping = false;
  const found: ExecutionSummary[] = [];
  for await (const record of store.all()) found.push(summaryOf(record));
  for (const summary of found.sort((a, b) => a.startedMs - b.startedMs)) summaries.set(summary.arn, summary);

  async function begin(record: ExecutionRecord, machine: Machine, input: Json): Promise<void> {
    const prepared = await machines.prepared(record.revision);
    const control = new AbortController();
    const history = startHistory(
      {
        append: (line) => store.appendHistory(record.arn, line),
        now: () => context.time.now(),
        onFull: () => control.abort(historyFull()),
      },
      {
        executionStartedEventDetails: {
          input: record.input,
          inputDetails: { truncated: false },
          roleArn: machine.roleArn,
        },
      },
    );
    const frame: Frame = {
      services: options.services,
      rootExecution: record.arn,
      history,
      signal: control.signal,
      context: {
        Execution: {
          Id: record.arn,
          Name: record.name,
          Input: input,
          StartTime: new Date(record.startedMs).toISOString(),
          RoleArn: machine.roleArn,
        },
        StateMachine: { Id: machine.arn, Name: machine.name },
      },
    };
    publishStatusChange(context, record);
    const timer = timeoutTimer(prepared.timeoutSeconds, control);
    const done = runScope(prepared.scope, input, frame, runBody)
      .then(
        (output): Ending => ({
          status: 'SUCCEEDED',
          output: limitedText(output, 'The output of the execution'),
        }),
      )
      .catch((error: unknown) => endingOf(error))
      .then(async (ending) => {
        clearTimeout(timer);
        if (ending && !stopping) await finish(record, ending, frame);
      })
      .catch((error: unknown) => options.services.log(`execution ${record.arn}: ${stackOf(error)}`))
      .finally(() => running.delete(record.arn));
    running.set(record.arn, { control, done });
  }

  async function finish(record: ExecutionRecord, ending: Ending, frame: Frame): Promise<void> {
    recordEnding(ending, frame);
    frame.history.close();
    await store.flushHistory(record.arn);
    await end(record, ending);
  }

  async function end(record: ExecutionRecord, ending: Ending): Promise<void> {
    const ended: ExecutionRecord = { ...record, ...ending, endedMs: context.time.now().getTime() };
    await store.write(ended);
    summaries.set(ended.arn, summaryOf(ended));
    publishStatusChange(context, ended);
  }

  return {
    async start({ machine, name = randomUUID(), input }) {
      checkName(name);
      const data = parseInput(input);
      const arn = executionArn(machine.arn, name);
      const existing = summaries.get(arn);
      if (existing) {
        await starting.get(arn);
        return sameStart(existing, input, store);
      }
      const startedMs = context.time.now().getTime();
      const { arn: machineArn, revision } = machine;
      const record: ExecutionRecord = {
        arn,
        name,
        machineArn,
        revision,
        status: 'RUNNING',
        startedMs,
        input,
      };
      const summary = summaryOf(record);
      summaries.set(arn, summary);
      const begun = store.write(record).then(() => begin(record, machine, data));
      // Whoever starts the same execution meanwhile waits for this, and has its own answer.
      starting.set(
        arn,
        begun.catch(() => {}),
      );
      try {
        await begun;
      } catch (error) {
        summaries.delete(arn);
        throw error;
      } finally {
        starting.delete(arn);
      }
      return summary;
    },
    find: (arn) => summaries.get(arn),
    of: (machineArn) =>
      [...summaries.values()].filter((summary) => summary.machineArn === machineArn).reverse(),
    async stop(arn, { error, cause }) {
      const run = running.get(arn);
      run?.control.abort(
        new Ended({ status: 'ABORTED', ...(error ? { error } : {}), ...(cause ? { cause } : {}) }),
      );
      await run?.done;
      const summary = summaries.get(arn);
      if (!summary) throw new Error(`execution ${arn} is gone`);
      return summary;
    },
    async abortLeftOvers() {
      const leftOvers = [...summaries.values()].filter(
        ({ status, arn }) => status === 'RUNNING' && !running.has(arn),
      );
      for (const { arn } of leftOvers) {
        const record = await store.read(arn);
        await store.mendHistory(arn);
        const ending: Ending = {
          status: 'ABORTED',
          error: REGION_STOPPED,
          cause: 'The local region stopped while the execution was running.',
        };
        store.appendHistory(arn, {
          id: (await store.historyLength(arn)) + 1,
          previousEventId: 0,
          timestampMs: context.time.now().getTime(),
          type: 'ExecutionAborted',
          executionAbortedEventDetails: { error: ending.error, cause: ending.cause },
        });
        await store.flushHistory(arn);
        await end(record, ending);
      }
    },
    async stopAll() {
      stopping = true;
      const runs = [...running.values()];
      for (const { control } of runs) control.abort(new RegionStops());
      await Promise.all(runs.map(({ done }) => done));
      await store.flush();
    },
  };
}

function timeoutTimer(seconds: number | undefined, control: AbortController): NodeJS.Timeout | undefined {
  if (seconds === undefined) return undefined;
  // Real seconds, also where waits are scaled: functions run in real time.
  return setTimeout(
    () => control.abort(new Ended({ status: 'TIMED_OUT' })),
    Math.min(seconds, LONGEST_TIMER_SECONDS) * 1000,
  );
}

/** What the error means for the execution; undefined when it is to be left as it is. */
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
  return { status: 'FAILED', error: 'States.Runtime', cause: `The local region failed: ${stackOf(error)}` };
}

function recordEnding(ending: Ending, { history }: Frame): void {
  switch (ending.status) {
    case 'SUCCEEDED':
      history.record('ExecutionSucceeded', {
        executionSucceededEventDetails: { output: ending.output, outputDetails: { truncated: false } },
      });
      return;
    case 'FAILED':
      history.record('ExecutionFailed', { executionFailedEventDetails: detailsOf(ending) });
      return;
    case 'TIMED_OUT':
      history.fromStart('ExecutionTimedOut', { executionTimedOutEventDetails: detailsOf(ending) });
      return;
    case 'ABORTED':
      history.fromStart('ExecutionAborted', { executionAbortedEventDetails: detailsOf(ending) });
  }
}

function detailsOf({ error, cause }: { error?: string; cause?: string }): { error?: string; cause?: string } {
  return { ...(error === undefined ? {} : { error }), ...(cause === undefined ? {} : { cause }) };
}

/** The same name and input while it runs is the same execution; anything else is refused. */
async function sameStart(
  existing: ExecutionSummary,
  input: string,
  store: ExecutionStore,
): Promise<ExecutionSummary> {
  if (existing.status === 'RUNNING' && (await store.read(existing.arn)).input === input) return existing;
  throw new AwsError('ExecutionAlreadyExists', `Execution Already Exists: '${existing.arn}'`);
}

function executionArn(machineArn: string, name: string): string {
  return `${machineArn.replace(':stateMachine:', ':execution:')}:${name}`;
}

function summaryOf({ arn, name, machineArn, status, startedMs, endedMs }: ExecutionRecord): ExecutionSummary {
  return { arn, name, machineArn, status, startedMs, ...(endedMs === undefined ? {} : { endedMs }) };
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
