import type { Clock } from '../../lambdas/restore/direct/limiter.ts';

export interface VirtualClock extends Clock {
  /** Lets time pass until `untilMs`, or until nothing waits for it any more. */
  run(untilMs: number): Promise<void>;
}

interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly wake: () => void;
}

/** Time that passes only when everybody waits for it: minutes in seconds, and the same each time. */
export function makeVirtualClock(): VirtualClock {
  const timers = makeHeap();
  let nowMs = 0;
  let order = 0;
  return {
    now: () => nowMs,
    sleep: (milliseconds) =>
      new Promise((wake) => {
        order += 1;
        timers.push({ atMs: nowMs + Math.max(0, milliseconds), order, wake });
      }),
    async run(untilMs) {
      for (;;) {
        // All that has been woken goes on until it waits again: promises are settled before the next immediate.
        await new Promise((resolve) => setImmediate(resolve));
        const next = timers.peek();
        if (!next || next.atMs > untilMs) break;
        nowMs = next.atMs;
        timers.pop()?.wake();
      }
      nowMs = untilMs;
    },
  };
}

/** A binary heap: the earliest first, and those of one moment in the order they came. */
function makeHeap() {
  const heap: Timer[] = [];
  const isBefore = (a: Timer | undefined, b: Timer | undefined): boolean =>
    a !== undefined && b !== undefined && (a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order));
  const swap = (i: number, j: number): void => {
    const [a, b] = [heap[i], heap[j]];
    if (a && b) [heap[i], heap[j]] = [b, a];
  };
  return {
    peek: () => heap[0],
    push(timer: Timer) {
      let at = heap.push(timer) - 1;
      for (let parent = (at - 1) >> 1; at > 0 && isBefore(timer, heap[parent]); parent = (at - 1) >> 1) {
        swap(at, parent);
        at = parent;
      }
    },
    pop(): Timer | undefined {
      const first = heap[0];
      const last = heap.pop();
      if (heap.length === 0 || !last) return first;
      heap[0] = last;
      for (let at = 0; ; ) {
        const left = 2 * at + 1;
        const smaller = isBefore(heap[left + 1], heap[left]) ? left + 1 : left;
        if (!isBefore(heap[smaller], heap[at])) return first;
        swap(at, smaller);
        at = smaller;
      }
    },
  };
}
