/** A range of bytes. */
export interface Extent {
  readonly offset: number;
  readonly length: number;
}

/**
 * Ranges that may hold non-zero bytes, ascending and disjoint, as `[offset, length, offset, length, …]`: the
 * flat form keeps a list of thousands small in memory and in JSON. What lies outside reads as zero.
 */
export type ExtentList = readonly number[];

/** Past this many extents the smallest gaps are given up: the list stays small, and still true ("may hold"). */
const MAX_EXTENTS = 256;

/** Adds a range behind all others, joining it to the last one where they touch. */
export function appendExtent(list: number[], offset: number, length: number): void {
  if (length === 0) return;
  const last = list.length - 2;
  if (last >= 0 && (list[last] ?? 0) + (list[last + 1] ?? 0) === offset) {
    list[last + 1] = (list[last + 1] ?? 0) + length;
    return;
  }
  list.push(offset, length);
  if (list.length > 4 * MAX_EXTENTS) list.splice(0, list.length, ...boundExtents(list));
}

/** The list with at most {@link MAX_EXTENTS} ranges: the smallest gaps are swallowed. */
export function boundExtents(list: ExtentList): number[] {
  const ranges = [...eachExtent(list)];
  if (ranges.length <= MAX_EXTENTS) return [...list];
  const gapBefore = (i: number) => {
    const before = ranges[i - 1];
    const here = ranges[i];
    return before && here ? here.offset - (before.offset + before.length) : 0;
  };
  const smallestFirst = ranges.map((_, i) => i).slice(1);
  smallestFirst.sort((a, b) => gapBefore(a) - gapBefore(b));
  const swallowed = new Set(smallestFirst.slice(0, ranges.length - MAX_EXTENTS));
  const bounded: number[] = [];
  ranges.forEach((range, i) => {
    if (!swallowed.has(i)) {
      bounded.push(range.offset, range.length);
      return;
    }
    const start = bounded[bounded.length - 2] ?? 0;
    bounded[bounded.length - 1] = range.offset + range.length - start;
  });
  return bounded;
}

/** The ranges of the list, one by one. */
export function* eachExtent(list: ExtentList): Generator<Extent> {
  for (let i = 0; i + 1 < list.length; i += 2) {
    yield { offset: list[i] ?? 0, length: list[i + 1] ?? 0 };
  }
}

/** The part of the list within [from, from + length), with offsets counted from `from`. */
export function clipExtents(list: ExtentList, from: number, length: number): number[] {
  const clipped: number[] = [];
  for (const extent of eachExtent(list)) {
    const start = Math.max(extent.offset, from);
    const end = Math.min(extent.offset + extent.length, from + length);
    if (end > start) clipped.push(start - from, end - start);
  }
  return clipped;
}
