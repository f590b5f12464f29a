import { isDeepStrictEqual } from 'node:util';
import type { HelperOrders, HelperReport } from '../../core/model/helper.ts';
import type { Store } from '../../core/repository/index.ts';
import { OrdersChanged, type OrdersInvalid, StorageUnreachable } from '../errors.ts';
import { carryOut } from '../writing/carry-out.ts';
import type { Tools } from '../writing/tools.ts';
import { causeOf, describeDisks, describeError, type LifeState, progressOf, resumeState } from './state.ts';

/** What becomes of a helper's orders. */
export interface Assignment {
  readonly state: LifeState;
  readonly hadOrders: boolean;
  /** Begins to carry them out; nothing where that has been begun. Orders that are changed meanwhile end the work. */
  obey(orders: HelperOrders): void;
  /** These are no orders. */
  refuse(error: OrdersInvalid): void;
  /** Rejects when the work ends in a way that starting anew may help against. */
  readonly crashed: Promise<never>;
  /** Waits until nothing of the work is under way. */
  ended(): Promise<void>;
}

export interface AssignmentOptions {
  readonly tools: Tools;
  readonly openStore: (repositoryUrl: string) => Store;
  /** What an earlier run of the program reported last. */
  readonly earlier: HelperReport | undefined;
  readonly onChange: () => void;
  readonly signal: AbortSignal;
}

export function makeAssignment({
  tools,
  openStore,
  earlier,
  onChange,
  signal,
}: AssignmentOptions): Assignment {
  let state = resumeState(earlier);
  let hadOrders = earlier !== undefined && earlier.state !== 'ready';
  let obeyed: HelperOrders | undefined;
  let work: Promise<void> = Promise.resolve();
  const stop = new AbortController();
  const crash = Promise.withResolvers<never>();
  // Whether someone waits for it or not.
  crash.promise.catch(() => undefined);

  const enter = (next: LifeState) => {
    state = next;
    tools.log(next.kind === 'failed' ? `failed: ${next.error.name}: ${next.error.message}` : next.kind);
    onChange();
  };
  const fail = (error: unknown) =>
    enter({ kind: 'failed', disks: describeDisks(state), error: describeError(error) });
  const begin = async (orders: HelperOrders): Promise<void> => {
    const disks = progressOf(orders, { limits: tools.limits, onPhase: onChange });
    enter({ kind: 'working', disks });
    try {
      const store = openStore(orders.repository);
      const either = AbortSignal.any([signal, stop.signal]);
      await carryOut(orders, { tools, store, progress: disks, signal: either });
      enter({ kind: 'done', disks: disks.map((disk) => disk.report()) });
    } catch (error) {
      if (signal.aborted) return;
      if (causeOf(error) instanceof StorageUnreachable) crash.reject(causeOf(error));
      else fail(error);
    }
  };
  return {
    get state() {
      return state;
    },
    get hadOrders() {
      return hadOrders;
    },
    obey(orders) {
      hadOrders = true;
      if (state.kind === 'ready') {
        obeyed = orders;
        work = begin(orders);
      } else if (state.kind === 'working' && !isDeepStrictEqual(orders, obeyed)) {
        stop.abort(new OrdersChanged('the orders were changed while they were carried out'));
      }
    },
    refuse(error) {
      hadOrders = true;
      if (state.kind === 'ready') fail(error);
    },
    crashed: crash.promise,
    ended: () => work,
  };
}
