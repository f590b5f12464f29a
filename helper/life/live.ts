import { setTimeout as sleep } from 'node:timers/promises';
import type { HelperReport } from '../../core/model/helper.ts';
import type { Store } from '../../core/repository/index.ts';
import { patiently } from '../channel/patience.ts';
import { Interrupted, OrdersInvalid, StorageUnreachable, WorkStalled } from '../errors.ts';
import { patienceOf, type Tools } from '../writing/tools.ts';
import { type Assignment, makeAssignment } from './assignment.ts';
import { makeReporter } from './reporter.ts';
import { describeDisks, type LifeState } from './state.ts';
import { makeStillness } from './stillness.ts';

export interface LifeOptions {
  readonly instanceId: string;
  readonly tools: Tools;
  /** @throws where the URL is none of a repository */
  readonly openStore: (repositoryUrl: string) => Store;
  readonly deadline: Date | undefined;
  readonly signal: AbortSignal;
}

/** Why the life of a helper is over. */
export type Ending =
  | 'its orders are gone'
  | 'its deadline has passed'
  | 'no orders came'
  | 'its orders were not taken away';

/**
 * The life of a helper: reports that it is there, waits for orders, carries them out, reports how that ended, and stays
 * until its orders are taken away. Once it has ended, no device is open any more, as far as `closeSeconds` allow.
 * @throws StorageUnreachable and WorkStalled, after which it is to be started again; the signal's reason
 */
export async function live({ instanceId, tools, openStore, ...options }: LifeOptions): Promise<Ending> {
  const { channel, limits, log } = tools;
  const end = new AbortController();
  const signal = AbortSignal.any([options.signal, end.signal]);
  const earlier = await patiently(() => channel.readReport(signal), patienceOf(tools, signal));
  const contact = { at: performance.now() };
  const onAnswer = () => {
    contact.at = performance.now();
  };
  const reporter = makeReporter({
    channel,
    heartbeatSeconds: limits.heartbeatSeconds,
    describe: (sequence) => describe(assignment.state, { instanceId, sequence, limits }),
    onReported: onAnswer,
    onFailure: (error) => log(`the report was not written: ${error}`),
  });
  const assignment = makeAssignment({
    tools,
    openStore,
    earlier,
    onChange: () => reporter.changed(),
    signal,
  });
  const reporting = reporter.run(signal);
  const watch = { tools, assignment, contact, onAnswer, deadline: options.deadline, signal };
  try {
    return await Promise.race([watchOrders(watch), assignment.crashed]);
  } finally {
    end.abort(new Interrupted('the life of this helper is over'));
    const closed = Promise.all([assignment.ended(), reporting]);
    await Promise.race([closed, sleep(limits.closeSeconds * 1000, undefined, { ref: false })]);
  }
}

function describe(
  state: LifeState,
  { instanceId, sequence, limits }: { instanceId: string; sequence: number; limits: Tools['limits'] },
): HelperReport {
  return {
    version: 1,
    instanceId,
    sequence,
    reportedAt: new Date().toISOString(),
    heartbeatSeconds: limits.heartbeatSeconds,
    state: state.kind,
    ...(state.kind === 'failed' && { error: state.error }),
    disks: describeDisks(state),
    memoryBytes: process.memoryUsage.rss(),
  };
}

interface Watch {
  readonly tools: Tools;
  readonly assignment: Assignment;
  /** When S3 was last seen to answer. */
  readonly contact: { readonly at: number };
  readonly onAnswer: () => void;
  readonly deadline: Date | undefined;
  readonly signal: AbortSignal;
}

/** Looks for orders every heartbeat, until there is a reason to end. */
async function watchOrders({
  tools,
  assignment,
  contact,
  onAnswer,
  deadline,
  signal,
}: Watch): Promise<Ending> {
  const { limits } = tools;
  const bornAt = performance.now();
  const checkProgress = makeProgressCheck(limits.stallSeconds);
  let workEndedAt: number | undefined;
  while (true) {
    if (deadline && Date.now() >= deadline.getTime()) return 'its deadline has passed';
    const found = await lookForOrders(tools, signal);
    if (found.kind !== 'unknown') onAnswer();
    if (found.kind === 'orders') assignment.obey(found.orders);
    if (found.kind === 'invalid') assignment.refuse(found.error);
    if (found.kind === 'none' && assignment.hadOrders) return 'its orders are gone';
    if (!assignment.hadOrders && secondsSince(bornAt) >= limits.ordersSeconds) return 'no orders came';
    const { kind } = assignment.state;
    if (kind === 'done' || kind === 'failed') workEndedAt ??= performance.now();
    if (workEndedAt !== undefined && secondsSince(workEndedAt) >= limits.farewellSeconds) {
      return 'its orders were not taken away';
    }
    checkContact(secondsSince(contact.at), limits.outageSeconds);
    checkProgress(assignment.state);
    const untilDeadlineMs = deadline ? deadline.getTime() - Date.now() : Number.POSITIVE_INFINITY;
    const pauseMs = Math.max(0, Math.min(limits.heartbeatSeconds * 1000, untilDeadlineMs));
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    signal.throwIfAborted();
  }
}

const secondsSince = (moment: number): number => (performance.now() - moment) / 1000;

async function lookForOrders({ channel, log }: Tools, signal: AbortSignal) {
  try {
    const orders = await channel.lookForOrders(signal);
    return orders ? ({ kind: 'orders', orders } as const) : ({ kind: 'none' } as const);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof OrdersInvalid) return { kind: 'invalid', error } as const;
    // Whatever else S3 says: orders that could not be read are not known to be gone.
    log(`orders could not be looked for: ${error}`);
    return { kind: 'unknown' } as const;
  }
}

function checkContact(seconds: number, mostSeconds: number): void {
  if (seconds <= mostSeconds) return;
  throw new StorageUnreachable(`S3 has not answered for ${Math.round(seconds)} seconds`);
}

/** A device that hangs gives no error: it shows only in that nothing goes on. */
function makeProgressCheck(mostSeconds: number): (state: LifeState) => void {
  const stillness = makeStillness();
  return (state) => {
    const disks = describeDisks(state).map((disk) => [disk.state, disk.doneBytes, disk.readBackBytes]);
    stillness.note(JSON.stringify([state.kind, disks]));
    if (state.kind !== 'working' || stillness.seconds() <= mostSeconds) return;
    throw new WorkStalled(
      `nothing has been written or read back for ${Math.round(stillness.seconds())} seconds`,
    );
  };
}
