import { readFile, stat, utimes, writeFile } from 'node:fs/promises';
import type { Extent } from '../sparse/index.ts';

/** The block of EBS snapshots (512 KiB), as in the EBS direct APIs. */
export const BLOCK_BYTES = 524_288;

/** Which blocks of a disk hold data, as runs of blocks: small for any disk that is not shredded. */
export interface BlockMap {
  /** Notes that data lies in `extent`; extents come in ascending order. */
  add(extent: Extent): void;
  blockCount(): number;
  /** The runs as byte ranges (the last one may reach past the disk's end). */
  extents(): Extent[];
  /** `[first block, number of blocks]`, ascending and disjoint. */
  runs(): readonly (readonly [number, number])[];
}

export function makeBlockMap(known: readonly (readonly [number, number])[] = []): BlockMap {
  const runs = known.map(([first, count]): [number, number] => [first, count]);
  return {
    add({ offset, length }) {
      if (length === 0) return;
      const first = Math.floor(offset / BLOCK_BYTES);
      const end = Math.ceil((offset + length) / BLOCK_BYTES);
      const last = runs.at(-1);
      if (!last || first > last[0] + last[1]) {
        runs.push([first, end - first]);
        return;
      }
      last[1] = Math.max(last[1], end - last[0]);
    },
    blockCount: () => runs.reduce((sum, [, count]) => sum + count, 0),
    extents: () =>
      runs.map(([first, count]) => ({ offset: first * BLOCK_BYTES, length: count * BLOCK_BYTES })),
    runs: () => runs,
  };
}

interface BlockMapFile {
  readonly blockBytes: number;
  readonly runs: readonly (readonly [number, number])[];
  /** Modification time of the disk's file when this was true of it. */
  readonly modifiedMs: number;
}

const mapFile = (disk: string): string => `${disk}.blocks.json`;

/**
 * Writes the list beside a disk's file. With `stampFile` the disk's file gets a modification time in the past, so that
 * anybody's later write to it shows, however soon it comes.
 */
export async function writeBlockMap(
  disk: string,
  map: BlockMap,
  options: { readonly stampFile?: boolean } = {},
): Promise<void> {
  if (options.stampFile) {
    const past = new Date(Math.floor(Date.now() / 1000) * 1000 - 10_000);
    await utimes(disk, past, past);
  }
  const { mtimeMs: modifiedMs } = await stat(disk);
  const content: BlockMapFile = { blockBytes: BLOCK_BYTES, runs: map.runs(), modifiedMs };
  await writeFile(mapFile(disk), JSON.stringify(content));
}

/** The list beside a disk's file; undefined when there is none, or (if asked) when the file was written to since. */
export async function readBlockMap(
  disk: string,
  options: { readonly onlyIfUnchanged?: boolean } = {},
): Promise<BlockMap | undefined> {
  let text: string;
  try {
    text = await readFile(mapFile(disk), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const content: BlockMapFile = JSON.parse(text);
  if (options.onlyIfUnchanged && (await stat(disk)).mtimeMs !== content.modifiedMs) return undefined;
  return makeBlockMap(content.runs);
}
