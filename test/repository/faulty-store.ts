import type { Store } from '../../core/repository/store.ts';

/** What the process that used a killed store would have seen next: nothing. */
export class Killed extends Error {
  override readonly name = 'Killed';
}

export interface Fault {
  /** Which call it strikes, counted from 0 over all calls. */
  readonly call: number;
  /** The call is not made, or is made and its answer never seen; and nothing after it (a kill), or everything (a passing failure). */
  readonly when: 'before' | 'after';
  readonly afterwards: 'dead' | 'well';
}

export interface FaultyStore extends Store {
  /** Whether the fault struck: a test whose fault never does proves nothing. */
  readonly struck: boolean;
  /** Calls that were made, such as `put packs/ab/…`. */
  readonly calls: readonly string[];
  /** Calls that have not answered yet. */
  readonly underWay: number;
}

/** A store that fails on purpose. Every call takes a few turns of the event loop, so that calls overlap. */
export function makeFaultyStore(store: Store, fault?: Fault): FaultyStore {
  const calls: string[] = [];
  let isDead = false;
  let struck = false;
  let underWay = 0;

  const call = async <Result>(name: string, action: () => Promise<Result>): Promise<Result> => {
    if (isDead) throw new Killed(name);
    const isStruck = calls.push(name) - 1 === fault?.call;
    struck ||= isStruck;
    underWay += 1;
    try {
      await new Promise((resolve) => setImmediate(resolve));
      if (isStruck && fault?.when === 'before') throw fail(name);
      // A call that was under way when the process was killed is not made, or is: both happen.
      if (isDead && calls.length % 2 === 0) throw new Killed(name);
      const result = await action();
      if (isStruck) throw fail(name);
      await new Promise((resolve) => setImmediate(resolve));
      return result;
    } finally {
      underWay -= 1;
    }
  };
  const fail = (name: string) => {
    isDead = fault?.afterwards === 'dead';
    return new Killed(name);
  };
  return {
    url: store.url,
    calls,
    get struck() {
      return struck;
    },
    get underWay() {
      return underWay;
    },
    get: (key, options) => call(`get ${key}`, () => store.get(key, options)),
    put: (key, bytes, options) => call(`put ${key}`, () => store.put(key, bytes, options)),
    async *list(prefix, options) {
      yield* await call(`list ${prefix}`, async () => store.list(prefix, options));
    },
    delete: (keys) => call(`delete ${keys.join()}`, () => store.delete(keys)),
  };
}
