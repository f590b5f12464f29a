import type { BlockRuns } from '../ec2/block-runs.ts';

/** Which blocks of a snapshot were written: a bit for each, 256 KiB for a TiB. */
export interface BlockSet {
  has(block: number): boolean;
  add(block: number): void;
  delete(block: number): void;
  readonly size: number;
  runs(): BlockRuns;
}

export function makeBlockSet(blocks: number): BlockSet {
  const bits = new Uint8Array(Math.ceil(blocks / 8));
  let size = 0;
  const has = (block: number) => ((bits[block >> 3] ?? 0) & (1 << (block & 7))) !== 0;
  return {
    has,
    add(block) {
      if (has(block)) return;
      bits[block >> 3] = (bits[block >> 3] ?? 0) | (1 << (block & 7));
      size += 1;
    },
    delete(block) {
      if (!has(block)) return;
      bits[block >> 3] = (bits[block >> 3] ?? 0) & ~(1 << (block & 7));
      size -= 1;
    },
    get size() {
      return size;
    },
    runs() {
      const runs: [number, number][] = [];
      for (let block = 0; block < blocks; block += 1) {
        // Eight at a time where there is nothing: a large disk is mostly that.
        if ((block & 7) === 0 && bits[block >> 3] === 0) {
          block += 7;
          continue;
        }
        if (!has(block)) continue;
        const last = runs.at(-1);
        if (last && last[0] + last[1] === block) last[1] += 1;
        else runs.push([block, 1]);
      }
      return runs;
    },
  };
}
