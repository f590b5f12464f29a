/** Which segments of a disk are finished: a bit for each, the first segment the lowest bit of the first byte. */
export interface FinishedSegments {
  has(segment: number): boolean;
  /** Those of [from, to). */
  add(from: number, to: number): void;
  readonly count: number;
  toBase64(): string;
}

export function makeFinishedSegments(segmentCount: number): FinishedSegments {
  return over(Buffer.alloc(Math.ceil(segmentCount / 8)), 0);
}

/** `undefined` for what is not the bits of so many segments. */
export function parseFinishedSegments(base64: string, segmentCount: number): FinishedSegments | undefined {
  const bits = Buffer.from(base64, 'base64');
  // Node reads over what is no base64.
  if (bits.toString('base64') !== base64) return undefined;
  if (bits.length !== Math.ceil(segmentCount / 8)) return undefined;
  const spare = segmentCount % 8 === 0 ? 0 : (bits.at(-1) ?? 0) >> (segmentCount % 8);
  if (spare !== 0) return undefined;
  let count = 0;
  for (let byte of bits) for (; byte !== 0; byte >>= 1) count += byte & 1;
  return over(bits, count);
}

function over(bits: Buffer, counted: number): FinishedSegments {
  let count = counted;
  const has = (segment: number) => ((bits[segment >> 3] ?? 0) & (1 << (segment & 7))) !== 0;
  return {
    has,
    add(from, to) {
      for (let segment = from; segment < to; segment += 1) {
        if (has(segment)) continue;
        bits[segment >> 3] = (bits[segment >> 3] ?? 0) | (1 << (segment & 7));
        count += 1;
      }
    },
    get count() {
      return count;
    },
    toBase64: () => bits.toString('base64'),
  };
}
