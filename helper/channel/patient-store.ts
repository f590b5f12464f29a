import type { Store } from '../../core/repository/index.ts';
import { type Patience, patiently } from './patience.ts';

/**
 * A store whose reads ride out outages, so that a segment that is half written need not be begun again for one
 * answer that did not come. All of it ends with the signal.
 */
export function makePatientStore(store: Store, patience: Patience): Store {
  const patient = <Result>(
    given: AbortSignal | undefined,
    action: (signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> => {
    const signal = given ? AbortSignal.any([given, patience.signal]) : patience.signal;
    return patiently(() => action(signal), { ...patience, signal });
  };
  return {
    ...store,
    get: (key, { signal: given, ...range } = {}) =>
      patient(given, (signal) => store.get(key, { ...range, signal })),
    async *list(prefix, { startAfter, signal: given } = {}) {
      // Collected first: what has been yielded could not be taken back when the list is begun again.
      yield* await patient(given, (signal) => collect(store.list(prefix, { startAfter, signal })));
    },
  };
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const collected: Item[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}
