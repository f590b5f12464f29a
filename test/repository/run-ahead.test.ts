import { describe, expect, test } from 'vitest';
import { runAhead } from '../../core/repository/run-ahead.ts';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const all = async <Item>(items: AsyncIterable<Item>) => {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
};
const unlimited = { costOf: () => 1, budget: 1000 };

describe('running ahead', () => {
  test('keeps the order, whatever finishes first', async () => {
    const items = [50, 1, 20, 2, 10];
    const work = async (ms: number) => {
      await new Promise((resolve) => setTimeout(resolve, ms));
      return ms;
    };
    expect(await all(runAhead(items, { work, ...unlimited }))).toEqual(items);
    expect(await all(runAhead([], { work, ...unlimited }))).toEqual([]);
  });

  test('goes as far as the budget, and on when something is taken', async () => {
    const started: number[] = [];
    const work = async (item: number) => {
      started.push(item);
      return item;
    };
    const results = runAhead([1, 2, 3, 4, 5, 6], { work, costOf: () => 10, budget: 35 });
    expect(started).toEqual([]);
    await results.next();
    for (let turns = 0; turns < 5; turns += 1) await turn();
    // The one that was taken still counts, until the next one is asked for.
    expect(started).toEqual([1, 2, 3]);
    await results.next();
    for (let turns = 0; turns < 5; turns += 1) await turn();
    expect(started).toEqual([1, 2, 3, 4]);
    await results.return();
  });

  test('lets one item through that is larger than the budget, alone', async () => {
    let underWay = 0;
    const work = async (item: number) => {
      underWay += 1;
      expect(underWay).toBe(1);
      await turn();
      underWay -= 1;
      return item;
    };
    expect(await all(runAhead([1, 2, 3], { work, costOf: () => 100, budget: 1 }))).toEqual([1, 2, 3]);
  });

  test('does not pile up items that cost nothing', async () => {
    let started = 0;
    const endless = function* () {
      while (true) {
        started += 1;
        yield started;
      }
    };
    const results = runAhead(endless(), { work: (item) => item, costOf: () => 0, budget: 1, mostItems: 10 });
    await results.next();
    for (let turns = 0; turns < 20; turns += 1) await turn();
    expect(started).toBeLessThanOrEqual(12);
    await results.return();
  });

  test('throws an error in its turn, stops the items, and waits for what is under way', async () => {
    let finished = 0;
    let isReturned = false;
    const items = (async function* () {
      try {
        for (let item = 0; ; item += 1) yield item;
      } finally {
        isReturned = true;
      }
    })();
    const work = async (item: number) => {
      await turn();
      if (item === 2) throw new Error('third item');
      await turn();
      finished += 1;
      return item;
    };
    const seen: number[] = [];
    const taking = async () => {
      for await (const item of runAhead(items, { work, costOf: () => 1, budget: 6 })) seen.push(item);
    };
    await expect(taking()).rejects.toThrow('third item');
    expect(seen).toEqual([0, 1]);
    expect(isReturned).toBe(true);
    const then = finished;
    await turn();
    await turn();
    expect(finished).toBe(then);
  });

  test('throws an error of the items after what came before it', async () => {
    const items = (async function* () {
      yield 1;
      yield 2;
      throw new Error('no more items');
    })();
    const seen: number[] = [];
    const taking = async () => {
      for await (const item of runAhead(items, { work: async (item) => item, ...unlimited })) seen.push(item);
    };
    await expect(taking()).rejects.toThrow('no more items');
    expect(seen).toEqual([1, 2]);
  });

  test('says when it is abandoned, and not when it is finished', async () => {
    let abandoned = 0;
    const onAbandon = () => {
      abandoned += 1;
    };
    const options = { work: (item: number) => item, ...unlimited, onAbandon };
    await all(runAhead([1, 2], options));
    expect(abandoned).toBe(0);
    for await (const item of runAhead([1, 2, 3], options)) if (item === 2) break;
    expect(abandoned).toBe(1);
    const failing = { ...options, work: () => Promise.reject(new Error('no')) };
    await expect(all(runAhead([1], failing))).rejects.toThrow('no');
    expect(abandoned).toBe(2);
  });
});
