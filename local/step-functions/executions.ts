import { randomUUID } from 'node:crypto';
import { AwsError } from '../service.ts';
import { checkName, parseInput } from './execution-input.ts';
import type { Ending, ExecutionRecord, ExecutionSummary } from './execution-record.ts';
import type { ExecutionStore } from './execution-store.ts';
import { Interruption } from './failure.ts';
import type { Json } from './json.ts';
import type { Machine, Machines } from './machines.ts';
import type { RunningExecution, RunOptions } from './run-execution.ts';
import { detailsOf, Ended, recordEnding, runExecution } from './run-execution.ts';
import { publishStatusChange } from './status-events.ts';

export interface StartInput {
  readonly machine: Machine;
  readonly name?: string;
  /** JSON. */
  readonly input: string;
  /** Started by a rule of the event bus. */
  readonly byRule?: true;
}

export interface Executions {
  /** @throws AwsError ExecutionAlreadyExists, InvalidName, InvalidExecutionInput */
  start(input: StartInput): Promise<ExecutionSummary>;
  find(arn: string): ExecutionSummary | undefined;
  /** Those of a machine, newest first. */
  of(machineArn: string): ExecutionSummary[];
  /** Stops it if it runs; resolves with the summary as it then is. */
  stop(arn: string, reason: { error?: string; cause?: string }): Promise<ExecutionSummary>;
  /** Aborts what was running when the region last stopped; what a rule had started is started anew. */
  abortLeftOvers(): Promise<void>;
  /** Lets go of everything that runs. */
  stopAll(): Promise<void>;
}

export interface ExecutionsOptions extends RunOptions {
  readonly machines: Machines;
}

/** How executions end that a stop of the region cut off. */
const CUT_OFF = {
  status: 'ABORTED',
  error: 'Region.Stopped',
  cause: 'The local region stopped while the execution was running.',
} as const satisfies Ending;

/** The region stops: the execution stays RUNNING on disk, and is aborted at the next start. */
class RegionStops extends Interruption {
  override readonly name = 'RegionStops';
}

interface Running {
  readonly control: RunningExecution['control'];
  /** Resolves when the execution has ended and is written down. */
  readonly done: Promise<void>;
}

export async function openExecutions(options: ExecutionsOptions): Promise<Executions> {
  const { context, store, machines } = options;
  const summaries = await readSummaries(store);
  const running = new Map<string, Running>();
  const starting = new Map<string, Promise<void>>();
  const nowMs = () => context.time.now().getTime();

  async function begin(record: ExecutionRecord, machine: Machine, input: Json): Promise<void> {
    const prepared = await machines.prepared(record.revision);
    publishStatusChange(context, record);
    const execution = runExecution({ record, machine, prepared, input }, options);
    const done = finish(record, execution)
      .catch((error: unknown) =>
        options.services.log(`execution ${record.arn} cannot be written down: ${error}`),
      )
      .finally(() => running.delete(record.arn));
    running.set(record.arn, { control: execution.control, done });
  }

  async function finish(record: ExecutionRecord, { ended, history }: RunningExecution): Promise<void> {
    const ending = await ended;
    if (!ending) return;
    recordEnding(ending, history);
    await store.flushHistory(record.arn);
    await end(record, ending);
  }

  async function end(record: ExecutionRecord, ending: Ending): Promise<void> {
    const ended: ExecutionRecord = { ...record, ...ending, endedMs: nowMs() };
    await store.write(ended);
    summaries.set(ended.arn, summaryOf(ended));
    publishStatusChange(context, ended);
  }

  async function start({
    machine,
    name = randomUUID(),
    input,
    byRule,
  }: StartInput): Promise<ExecutionSummary> {
    checkName(name);
    const data = parseInput(input);
    const arn = executionArn(machine.arn, name);
    const existing = summaries.get(arn);
    if (existing) {
      await starting.get(arn);
      return sameStart(existing, input, store);
    }
    const { arn: machineArn, revision } = machine;
    const record: ExecutionRecord = {
      arn,
      name,
      machineArn,
      revision,
      status: 'RUNNING',
      startedMs: nowMs(),
      input,
      ...(byRule ? { byRule } : {}),
    };
    summaries.set(arn, summaryOf(record));
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
    return summaryOf(record);
  }

  async function abortLeftOver(arn: string): Promise<void> {
    const record = await store.read(arn);
    await store.mendHistory(arn);
    store.appendHistory(arn, {
      id: (await store.historyLength(arn)) + 1,
      previousEventId: 0,
      timestampMs: nowMs(),
      type: 'ExecutionAborted',
      executionAbortedEventDetails: detailsOf(CUT_OFF),
    });
    await store.flushHistory(arn);
    await end(record, CUT_OFF);
    const machine = record.byRule && machines.find(record.machineArn);
    if (machine) await start({ machine, input: record.input, byRule: true });
  }

  return {
    start,
    find: (arn) => summaries.get(arn),
    of: (machineArn) =>
      [...summaries.values()].filter((summary) => summary.machineArn === machineArn).reverse(),
    async stop(arn, reason) {
      const run = running.get(arn);
      run?.control.abort(new Ended({ status: 'ABORTED', ...detailsOf(reason) }));
      await run?.done;
      const summary = summaries.get(arn);
      if (!summary) throw new Error(`execution ${arn} is gone`);
      return summary;
    },
    async abortLeftOvers() {
      for (const { status, arn } of [...summaries.values()]) {
        if (status === 'RUNNING' && !running.has(arn)) await abortLeftOver(arn);
      }
    },
    async stopAll() {
      const runs = [...running.values()];
      for (const { control } of runs) control.abort(new RegionStops());
      await Promise.all(runs.map(({ done }) => done));
      await store.flush();
    },
  };
}

/** What is kept in memory of every execution on disk, oldest first. */
async function readSummaries(store: ExecutionStore): Promise<Map<string, ExecutionSummary>> {
  const found: ExecutionSummary[] = [];
  for await (const record of store.all()) found.push(summaryOf(record));
  found.sort((a, b) => a.startedMs - b.startedMs);
  return new Map(found.map((summary) => [summary.arn, summary]));
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
