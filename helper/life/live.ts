import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { HelperOrders, HelperReport } from '../../core/model/helper.ts';
import type { Store } from '../../core/repository/index.ts';
import { patiently } from '../channel/patience.ts';
import { Interrupted, OrdersChanged, OrdersInvalid, StorageUnreachable } from '../errors.ts';
import { carryOut } from '../work/carry-out.ts';
import { patienceOf, type Tools } from '../work/tools.ts';
import { makeReporter, type Reporter } from './reporter.ts';
import { causeOf, describeDisks, describeError, type LifeState, progressOf, resumeState } from './state.ts';

export interface LifeOptions {
  readonly instanceId: string;
  readonly tools: Tools;
  /** @throws where the URL is none of a repository */
  readonly openStore: (repositoryUrl: string) => Store;
  readonly deadline: Date | undefined;
  readonly signal: AbortSignal;
}

/** Why the life of a helper is over. */
export type Ending = 'its orders are gone' | 'its deadline has passed' | 'no orders came';

/**
 * The life of a helper: reports that it is there, waits for orders, carries them out, reports how that ended, and stays
 * until its orders are taken away. Once it has ended, no device is open any more, as far as `closeSeconds` allow.
 * @throws StorageUnreachable when S3 fails for too long; the signal's reason
 */
export async function live(options: LifeOptions): Promise<Ending> {
  const { tools, signal: outer } = options;
  const end = new AbortController();
  const signal = AbortSignal.any([outer, end.signal]);
  const earlier = await patiently(() => tools.channel.readReport(signal), patienceOf(tools, signal));
  const life = makeLife(options, { earlier, signal });
  const reporting = life.reporter.run(signal);
  try {
    return await Promise.race([watchOrders(options, { life, signal }), life.crashed]);
  } finally {
    end.abort(new Interrupted('the life of this helper is over'));
    const closed = Promise.all([life.workEnded(), reporting]);
    await Promise.race([closed, sleep(tools.limits.closeSeconds * 1000, undefined, { ref: false })]);
  }
}

interface Life {
  readonly reporter: Reporter;
  /** Rejects when the work ends in a way that starting anew may help against. */
  readonly crashed: Promise<never>;
  readonly hadOrders: boolean;
  /** Seconds since S3 was last seen to answer. */
  silence(): number;
  answered(): void;
  /** Begins to carry them out, unless that has been begun. */
  obey(orders: HelperOrders): void;
  /** These are no orders. */
  refuse(error: OrdersInvalid): void;
  workEnded(): Promise<void>;
}

function makeLife(
  { instanceId, tools, openStore }: LifeOptions,
  { earlier, signal }: { earlier: HelperReport | undefined; signal: AbortSignal },
): Life {
  const { channel, limits, log } = tools;
  let state = resumeState(earlier);
  let hadOrders = earlier !== undefined && earlier.state !== 'ready';
  let answeredAt = performance.now();
  let obeyed: HelperOrders | undefined;
  let work: Promise<void> = Promise.resolve();
  const stopWork = new AbortController();
  const crash = Promise.withResolvers<never>();
  // Whether someone waits for it or not.
  crash.promise.catch(() => undefined);

  const answered = () => {
    answeredAt = performance.now();
  };
  const enter = (next: LifeState) => {
    state = next;
    log(next.kind === 'failed' ? `failed: ${next.error.name}: ${next.error.message}` : next.kind);
    reporter.changed();
  };
  const fail = (error: unknown) =>
    enter({ kind: 'failed', disks: describeDisks(state), error: describeError(error) });
  const reporter = makeReporter({
    channel,
    heartbeatSeconds: limits.heartbeatSeconds,
    describe: (sequence) => describe({ instanceId, sequence, limits, state }),
    onReported: answered,
    onFailure: (error) => log(`the report was not written: ${error}`),
  });
  const begin = async (orders: HelperOrders): Promise<void> => {
    const both = AbortSignal.any([signal, stopWork.signal]);
    const disks = progressOf(orders, { limits, onPhase: () => reporter.changed() });
    enter({ kind: 'working', disks });
    try {
      const store = openStore(orders.repository);
      await carryOut(orders, { tools, store, progress: disks, signal: both });
      enter({ kind: 'done', disks: disks.map((disk) => disk.report()) });
    } catch (error) {
      if (signal.aborted) return;
      if (causeOf(error) instanceof StorageUnreachable) crash.reject(causeOf(error));
      else fail(error);
    }
  };
  return {
    reporter,
    crashed: crash.promise,
    get hadOrders() {
      return hadOrders;
    },
    silence: () => (performance.now() - answeredAt) / 1000,
    answered,
    obey(orders) {
      hadOrders = true;
      if (state.kind === 'ready') {
        obeyed = orders;
        work = begin(orders);
      } else if (state.kind === 'working' && !isDeepStrictEqual(orders, obeyed)) {
        stopWork.abort(new OrdersChanged('the orders were changed while they were carried out'));
      }
    },
    refuse(error) {
      hadOrders = true;
      if (state.kind === 'ready') fail(error);
    },
    workEnded: () => work,
  };
}

function describe({
  instanceId,
  sequence,
  limits,
  state,
}: {
  instanceId: string;
  sequence: number;
  limits: Tools['limits'];
  state: LifeState;
}): HelperReport {
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

async function watchOrders(
  { tools, deadline }: LifeOptions,
  { life, signal }: { life: Life; signal: AbortSignal },
): Promise<Ending> {
  const { channel, limits, log } = tools;
  const bornAt = performance.now();
  while (true) {
    if (deadline && Date.now() >= deadline.getTime()) return 'its deadline has passed';
    try {
      const orders = await channel.lookForOrders(signal);
      life.answered();
      if (orders) life.obey(orders);
      else if (life.hadOrders) return 'its orders are gone';
    } catch (error) {
      signal.throwIfAborted();
      // Whatever else S3 says, orders that were not read are not known to be gone.
      if (error instanceof OrdersInvalid) life.refuse(error);
      else log(`orders could not be looked for: ${error}`);
    }
    if (!life.hadOrders && performance.now() - bornAt >= limits.ordersSeconds * 1000) return 'no orders came';
    const silence = life.silence();
    if (silence > limits.outageSeconds) {
      throw new StorageUnreachable(`S3 has not answered for ${Math.round(silence)} seconds`);
    }
    const untilDeadlineMs = deadline ? deadline.getTime() - Date.now() : Number.POSITIVE_INFINITY;
    const pauseMs = Math.max(0, Math.min(limits.heartbeatSeconds * 1000, untilDeadlineMs));
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    signal.throwIfAborted();
  }
}
