/** Keys of a bucket in S3's order: by their UTF-8 bytes. Sorted when first asked for after a change. */
export interface SortedKeys {
  changed(): void;
  all(): readonly string[];
  /** Index of the first key that is not below `key`. */
  indexFrom(key: string): number;
}

export function makeSortedKeys(source: ReadonlyMap<string, unknown>): SortedKeys {
  let sorted: string[] | undefined;
  const all = () => {
    sorted ??= sortKeys([...source.keys()]);
    return sorted;
  };
  return {
    changed: () => {
      sorted = undefined;
    },
    all,
    indexFrom: (key) => {
      const keys = all();
      let low = 0;
      let high = keys.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (compareUtf8(keys[middle] ?? '', key) < 0) low = middle + 1;
        else high = middle;
      }
      return low;
    },
  };
}

const SURROGATE = /[\ud800-\udfff]/;

function sortKeys(keys: string[]): string[] {
  // JavaScript's own order (UTF-16 units) is the same but for characters beyond U+FFFF, and many times faster.
  return keys.some((key) => SURROGATE.test(key)) ? keys.sort(compareUtf8) : keys.sort();
}

/** Order of two strings by their UTF-8 bytes, which is the order of their code points. */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) {
    const unitA = a.charCodeAt(i);
    const unitB = b.charCodeAt(i);
    if (unitA !== unitB) return rank(unitA) - rank(unitB);
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above all others. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
