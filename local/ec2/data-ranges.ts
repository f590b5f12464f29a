import { execFile } from 'node:child_process';
import { open, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Extent } from '../sparse/index.ts';

const run = promisify(execFile);

/** Enough output for about a million extents of a shredded file. */
const MAX_OUTPUT_BYTES = 128 * 1024 ** 2;

/**
 * Ranges of a file that may hold data; all of it where nobody can tell. Node offers no SEEK_DATA, and reading the
 * holes of a large disk costs seconds for each GiB, so this asks `filefrag` (e2fsprogs, on most Linux systems), which
 * also knows of data that is not on the disk as yet. Where it is missing or fails, the whole file has to be read.
 */
export async function findDataRanges(file: string): Promise<Extent[]> {
  const { size } = await stat(file);
  if (await isAllHole(file)) return [];
  return (await askFilefrag(file, size)) ?? [{ offset: 0, length: size }];
}

async function isAllHole(file: string): Promise<boolean> {
  if ((await stat(file)).blocks > 0) return false;
  // Some file systems (ZFS) count blocks only when they have written them.
  const handle = await open(file, 'r');
  try {
    await handle.sync();
    return (await handle.stat()).blocks === 0;
  } finally {
    await handle.close();
  }
}

async function askFilefrag(file: string, size: number): Promise<Extent[] | undefined> {
  try {
    // Ordinary users often have no sbin in their PATH.
    const env = { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin:/sbin`, LC_ALL: 'C' };
    const { stdout } = await run('filefrag', ['-v', file], { env, maxBuffer: MAX_OUTPUT_BYTES });
    return parseFilefrag(stdout, size);
  } catch {
    // Not there, or the file system has no map of extents (tmpfs): the caller reads everything.
    return undefined;
  }
}

/**
 * Reads the table that `filefrag -v` prints: ` 0:  0..  7: 34816.. 34823:  8:  last,eof`, in blocks whose size the
 * heading tells. undefined when it is not of that form.
 */
export function parseFilefrag(output: string, size: number): Extent[] | undefined {
  const blockBytes = Number(/\(\d+ blocks? of (\d+) bytes\)/.exec(output)?.[1]);
  const found = Number(/: (\d+) extents? found/.exec(output)?.[1]);
  if (!(blockBytes > 0) || Number.isNaN(found)) return undefined;
  const ranges: Extent[] = [];
  for (const [, first, last] of output.matchAll(/^\s*\d+:\s*(\d+)\.\.\s*(\d+):/gm)) {
    const offset = Number(first) * blockBytes;
    const end = Math.min(size, (Number(last) + 1) * blockBytes);
    if (end > offset) ranges.push({ offset, length: end - offset });
  }
  // A table that was cut or printed otherwise must not pass for a file with less data.
  return ranges.length > 0 ? ranges : undefined;
}
