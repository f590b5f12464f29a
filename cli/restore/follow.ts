import { setTimeout as sleep } from 'node:timers/promises';
import { tellEstimate } from '../../core/model/estimate.ts';
import { describeFinding } from '../../core/model/request.ts';
import type { Connection } from '../connection/connection.ts';
import { CommandError, Interrupted } from '../errors.ts';
import { type Host, printJson } from '../host.ts';
import type { ProgressLine } from '../progress/bar.ts';
import { makeProgressDisplay, type ProgressDisplay } from '../progress/display.ts';
import type { RestoreStory } from './describe-restore.ts';
import { makeRestoreObserver, type Observation, type ObservedRestore } from './observe.ts';
import { makeRateAdder, progressLines } from './progress-lines.ts';

/** The restore may be going on, but it could not be looked at for some time. */
export class LostSight extends CommandError {
  override readonly name = 'LostSight';
}

/** AWS charges and limits requests, a local region does not. */
const POLL_MS: Readonly<Record<Connection['kind'], number>> = { aws: 5_000, endpoint: 500, local: 300 };
/** At 5 seconds each, about two minutes without an answer on top of the SDK's own retries. */
const MOST_FAILURES_IN_A_ROW = 20;

export interface Following extends ObservedRestore {
  readonly host: Host;
  readonly json: boolean;
  readonly showsProgress: boolean;
  /** Between two looks; default: what the place that the restore runs in can take. */
  readonly pollMs?: number;
}

/**
 * Follows a restore until its execution has ended (the state machine has a deadline of its own), with one line
 * per disk on stderr, or one JSON event per line on stdout. @throws Interrupted, LostSight
 */
export async function followRestore(following: Following): Promise<RestoreStory> {
  const { host, json, connection, records, restoreId, pollMs = POLL_MS[connection.kind] } = following;
  const observe = makeRestoreObserver(following);
  const display = makeProgressDisplay({ sink: host.stderr, enabled: following.showsProgress });
  const addRates = makeRateAdder();
  const tell = makeEventTeller({ host, json, display });
  let failures = 0;
  try {
    for (;;) {
      host.signal.throwIfAborted();
      const observation = await observe().catch((error: unknown) => {
        failures += 1;
        if (failures > MOST_FAILURES_IN_A_ROW) throw lostSight(restoreId, error);
        return undefined;
      });
      if (observation !== undefined) {
        failures = 0;
        const counted = progressLines(observation);
        const isMeasured = observation.plan?.strategy.name === 'helper';
        const lines = isMeasured ? counted : addRates(counted, performance.now() / 1000);
        display.show(lines);
        tell(observation, lines);
        if (observation.execution.status !== 'RUNNING') {
          const { execution, attempt, plan, entries } = observation;
          const result = attempt && (await records.result(attempt));
          return { restoreId, attempt: attempt?.attempt, execution, plan, entries, result };
        }
      }
      await sleep(pollMs, undefined, { signal: host.signal });
    }
  } catch (error) {
    throw host.signal.aborted ? interrupted(following) : error;
  } finally {
    display.end();
  }
}

/** Prints an event for whatever is new: the plan's strategy and warnings, a line that has changed its phase or its bytes. */
function makeEventTeller({
  host,
  json,
  display,
}: Pick<Following, 'host' | 'json'> & { display: ProgressDisplay }) {
  let toldPlan = false;
  const told = new Map<string, string>();
  return ({ plan }: Observation, lines: readonly ProgressLine[]) => {
    if (plan !== undefined && !toldPlan) {
      toldPlan = true;
      if (json) printJson(host, { event: 'planned', ...plan.strategy, estimate: plan.estimate });
      else if (plan.estimate && !host.isQuiet)
        display.note(`Strategy ${plan.strategy.name}: ${tellEstimate(plan.estimate)}.`);
      for (const warning of plan.warnings) {
        if (json) printJson(host, { event: 'warning', ...warning });
        else display.note(`Warning: ${describeFinding(warning)}`);
      }
    }
    if (!json) return;
    for (const { label, bytesPerSecond, secondsLeft, ...line } of lines) {
      const facts = { line: label, ...line };
      // Speed alone is no news: it changes at every look.
      const text = JSON.stringify(facts);
      if (told.get(label) === text) continue;
      told.set(label, text);
      const rate = bytesPerSecond === undefined ? {} : { bytesPerSecond: Math.round(bytesPerSecond) };
      printJson(host, { event: 'progress', time: new Date().toISOString(), ...facts, ...rate });
    }
  };
}

function interrupted({ connection, restoreId }: Following): Interrupted {
  const how = `"landfall show ${restoreId}" tells how it goes, "landfall cancel ${restoreId}" ends it.`;
  if (connection.kind === 'local' && connection.runsHere) {
    return new Interrupted(
      `the restore ${restoreId} ends with this command, which ran the local region itself`,
      'Start "landfall local" in another terminal first: restores then go on without their command.',
    );
  }
  return new Interrupted(`no longer following; the restore ${restoreId} goes on`, how);
}

function lostSight(restoreId: string, cause: unknown): LostSight {
  return new LostSight(
    `the restore ${restoreId} cannot be looked at: ${cause instanceof Error ? cause.message : String(cause)}`,
    `It may be going on: "landfall show ${restoreId}".`,
    { cause },
  );
}
