export interface Slots {
  /** Waits for one of the slots; the answer gives it back. First come, first served. */
  take(): Promise<() => void>;
  /** How many are waiting for a slot. */
  readonly waiting: number;
}

/** At most `count` holders at a time. */
export function makeSlots(count: number): Slots {
  const queue: (() => void)[] = [];
  let free = count;
  const give = () => {
    const next = queue.shift();
    if (next) next();
    else free += 1;
  };
  return {
    get waiting() {
      return queue.length;
    },
    async take() {
      if (free > 0) free -= 1;
      else await new Promise<void>((resolve) => queue.push(resolve));
      let held = true;
      return () => {
        if (held) give();
        held = false;
      };
    },
  };
}
