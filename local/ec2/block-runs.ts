/** Ascending, disjoint runs of blocks: `[first block, number of blocks]`. */
export type BlockRuns = readonly (readonly [first: number, count: number])[];

/** The blocks that are in either list. */
export function unionOfRuns(a: BlockRuns, b: BlockRuns): [number, number][] {
  const sorted = [...a, ...b].sort((one, other) => one[0] - other[0]);
  const union: [number, number][] = [];
  for (const [first, count] of sorted) {
    const last = union.at(-1);
    if (last && first <= last[0] + last[1]) last[1] = Math.max(last[1], first + count - last[0]);
    else union.push([first, count]);
  }
  return union;
}

/** The blocks of `runs` that are not in `taken`. */
export function runsWithout(runs: BlockRuns, taken: BlockRuns): [number, number][] {
  const left: [number, number][] = [];
  let next = 0;
  for (const [first, count] of runs) {
    const end = first + count;
    for (let at = first; at < end; ) {
      while (next < taken.length && endOf(taken[next]) <= at) next += 1;
      const [takenFirst, takenCount] = taken[next] ?? [end, 0];
      if (takenFirst > at) left.push([at, Math.min(end, takenFirst) - at]);
      at = takenFirst + takenCount;
    }
  }
  return left;
}

/** The blocks of `runs` from block `from` on, one by one. */
export function* blocksFrom(runs: BlockRuns, from: number): Generator<number> {
  for (const [first, count] of runs) {
    for (let block = Math.max(first, from); block < first + count; block += 1) yield block;
  }
}

const endOf = (run: readonly [number, number] | undefined): number => (run ? run[0] + run[1] : 0);
