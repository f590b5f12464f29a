/** Seconds for which something has been the same, by the last `note` of it. */
export interface Stillness {
  note(what: string): void;
  seconds(): number;
}

export function makeStillness(): Stillness {
  let last: string | undefined;
  let since = performance.now();
  return {
    note(what) {
      if (what === last) return;
      last = what;
      since = performance.now();
    },
    seconds: () => (performance.now() - since) / 1000,
  };
}
