/** How far a range of a disk is written, while many of its blocks are on their way at once. */
export interface WrittenTracker {
  /** The range up to `offset` holds no data. Pieces are told in ascending order. */
  pass(offset: number): void;
  /** The block at `offset`, up to `end`, is on its way. */
  begin(offset: number, end: number): void;
  /** It is written. */
  finish(offset: number): void;
  /** How many are on their way. */
  readonly underWay: number;
  /** Everything before `offset` bytes from the disk's start is written, `blocks` blocks of it. */
  written(): { readonly offset: number; readonly blocks: number };
}

/** `from`: where the range begins, and how many of its blocks were written before. */
export function makeWrittenTracker(from: {
  readonly offset: number;
  readonly blocks: number;
}): WrittenTracker {
  const underWay = new Set<number>();
  /** Written, and maybe behind one that is not. */
  let finished: number[] = [];
  let { offset: reached, blocks } = from;
  return {
    pass(offset) {
      reached = offset;
    },
    begin(offset, end) {
      underWay.add(offset);
      reached = end;
    },
    finish(offset) {
      underWay.delete(offset);
      finished.push(offset);
    },
    get underWay() {
      return underWay.size;
    },
    written() {
      const offset = underWay.size === 0 ? reached : Math.min(...underWay);
      const behind = finished.filter((each) => each >= offset);
      blocks += finished.length - behind.length;
      finished = behind;
      return { offset, blocks };
    },
  };
}
