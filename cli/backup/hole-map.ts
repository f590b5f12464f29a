import type { BigIntStats } from 'node:fs';
import { z } from 'zod';
import type { DiskSource, Extent } from '../../core/repository/index.ts';
import { type ProgramOptions, runProgram } from '../run-program.ts';

const GIB = 1024n ** 3n;
/** st_blocks counts in units of 512 bytes whatever the file system's block is. */
const STAT_BLOCK_BYTES = 512n;

const mapSchema = z.array(
  z.object({ start: z.number(), length: z.number(), data: z.boolean(), zero: z.boolean() }),
);

/**
 * Where a sparse file holds data, so that a backup need not read its holes (at some 2 GiB/s; a 2 TiB image with
 * little in it would take a quarter of an hour). Node cannot ask the system (lseek SEEK_DATA), so `qemu-img map` is
 * asked where it is installed and the holes are large. Without it everything is read: holes read as zeros, which
 * are never stored. `st_blocks === 0` is deliberately not taken for "all holes": file systems that write late or
 * keep small files in their inodes answer 0 for files with data.
 */
export async function findHoles({
  path,
  stats,
  ...options
}: { path: string; stats: BigIntStats } & ProgramOptions): Promise<DiskSource['nextData']> {
  const holes = stats.size - stats.blocks * STAT_BLOCK_BYTES;
  if (!stats.isFile() || holes < GIB) return undefined;
  const extents = await mapData(path, options);
  return extents && makeHint(extents);
}

/** The first range of data at or after an offset, for ascending ranges. */
export function makeHint(extents: readonly Extent[]): NonNullable<DiskSource['nextData']> {
  return async (offset) => {
    const found = extents[firstEndingAfter(extents, offset)];
    if (found === undefined) return undefined;
    const start = Math.max(found.offset, offset);
    return { offset: start, length: found.offset + found.length - start };
  };
}

function firstEndingAfter(extents: readonly Extent[], offset: number): number {
  let [from, to] = [0, extents.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    const extent = extents[middle];
    if (extent !== undefined && extent.offset + extent.length > offset) to = middle;
    else from = middle + 1;
  }
  return from;
}

/** `undefined` where it cannot be known (or is too much to know): then everything is read. */
async function mapData(path: string, options: ProgramOptions): Promise<Extent[] | undefined> {
  const args = ['map', '--output=json', '-f', 'raw', path];
  const result = await runProgram('qemu-img', args, options).catch(() => undefined);
  options.signal?.throwIfAborted();
  if (result?.exitCode !== 0) return undefined;
  const parsed = mapSchema.safeParse(JSON.parse(result.stdout));
  return parsed.data
    ?.filter(({ data, zero }) => data && !zero)
    .map(({ start, length }) => ({ offset: start, length }));
}
