export interface RunAheadOptions<Item, Result> {
  readonly work: (item: Item) => Promise<Result> | Result;
  /** What an item takes of the budget from when its work starts until the next result is asked for. */
  readonly costOf: (item: Item) => number;
  readonly budget: number;
  /** How many items may be under way or waiting at most, whatever they cost. */
  readonly mostItems?: number;
  /** Called when it ends before its items do: by an error, or by the consumer's `return()`. Should stop the work under way. */
  readonly onAbandon?: () => void;
}

/**
 * Yields the work's results in the items' order, running ahead of the consumer as far as the budget goes. One item is always let through, so
 * a budget that is too small slows down and does not stop. An error of the items or the work is thrown in its turn.
 * Once it has ended, however it ended, nothing of it is running any more.
 */
export async function* runAhead<Item, Result>(
  items: AsyncIterable<Item> | Iterable<Item>,
  { work, costOf, budget, mostItems = 256, onAbandon }: RunAheadOptions<Item, Result>,
): AsyncGenerator<Result, void, undefined> {
  const queue: { readonly result: Promise<Result>; readonly cost: number }[] = [];
  const bell = makeBell();
  let held = 0;
  let spent = 0;
  let producing = true;
  let stopped = false;
  let drained = false;

  const enqueue = (result: Promise<Result>, cost: number) => {
    // Its turn to be looked at may never come.
    result.catch(() => undefined);
    queue.push({ result, cost });
    bell.ring();
  };
  const hasRoom = (cost: number) => held === 0 || (spent + cost <= budget && held < mostItems);
  const produce = async () => {
    try {
      for await (const item of items) {
        const cost = costOf(item);
        while (!stopped && !hasRoom(cost)) await bell.heard();
        if (stopped) return;
        held += 1;
        spent += cost;
        enqueue((async () => work(item))(), cost);
      }
    } catch (error) {
      enqueue(Promise.reject(error), 0);
    } finally {
      producing = false;
      bell.ring();
    }
  };

  const production = produce();
  try {
    while (true) {
      while (queue.length === 0 && producing) await bell.heard();
      const next = queue.shift();
      if (!next) break;
      yield await next.result;
      held -= 1;
      spent -= next.cost;
      bell.ring();
    }
    drained = true;
  } finally {
    stopped = true;
    if (!drained) onAbandon?.();
    bell.ring();
    await production;
    await Promise.allSettled(queue.map(({ result }) => result));
  }
}

/** Lets one side wait until the other has changed something. */
function makeBell() {
  let { promise, resolve } = Promise.withResolvers<void>();
  return {
    ring() {
      resolve();
      ({ promise, resolve } = Promise.withResolvers<void>());
    },
    heard: () => promise,
  };
}
