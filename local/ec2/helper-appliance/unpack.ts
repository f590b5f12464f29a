import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { Parser, type ReadEntry } from 'tar';
import { CannotComeUp } from './errors.ts';

/** The one folder of a bundle. */
export const TOP_FOLDER = 'landfall-helper/';
/** The program within a bundle. */
export const PROGRAM = `${TOP_FOLDER}landfall-helper.mjs`;
/** Bundles are for arm64: their own Node.js does not run here, the region's does instead. */
const NODE = `${TOP_FOLDER}bin/node`;

/**
 * Unpacks the files of a bundle but for its Node.js. That comes last, so it is not even decompressed: with it,
 * unpacking would take ten times as long. @throws CannotComeUp
 */
export async function unpackBundle(archive: string, folder: string): Promise<void> {
  let hasProgram = false;
  /** Nothing but the Node.js is left. */
  let isEnough = false;
  const files: Promise<void>[] = [];
  const troubles: Error[] = [];
  const parser = new Parser({
    strict: true,
    onReadEntry: (entry) => {
      hasProgram ||= entry.path === PROGRAM;
      isEnough ||= entry.path === NODE && hasProgram;
      const file = unpackEntry(entry, folder);
      // Awaited below, unless the archive turns out to be damaged before.
      file.catch(() => {});
      files.push(file);
    },
  });
  parser.on('error', (error: Error) => troubles.push(error));
  try {
    for await (const piece of gunzipped(archive)) {
      if (!parser.write(piece)) await once(parser, 'drain');
      if (troubles.length > 0 || isEnough) break;
    }
    if (!isEnough) parser.end();
    if (troubles[0]) throw troubles[0];
    await Promise.all(files);
  } catch (error) {
    throw new CannotComeUp(`the bundle cannot be unpacked: ${String(error)}`, { cause: error });
  }
}

async function* gunzipped(archive: string): AsyncIterable<Buffer> {
  const source = createReadStream(archive);
  const target = createGunzip();
  source.on('error', (error) => target.destroy(error));
  try {
    yield* source.pipe(target);
  } finally {
    source.destroy();
  }
}

async function unpackEntry(entry: ReadEntry, folder: string): Promise<void> {
  const { path, type } = entry;
  const isInside = path.startsWith(TOP_FOLDER) && !path.split('/').includes('..');
  // An entry that nobody reads would hold up those after it.
  if (!isInside || path === NODE || type !== 'File') entry.resume();
  if (!isInside) throw new Error(`${path} is outside ${TOP_FOLDER}`);
  if (path === NODE || type !== 'File') return;
  const content = await entry.concat();
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content, { mode: entry.mode ?? 0o644 });
}
