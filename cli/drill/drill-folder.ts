import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findRegionOn } from '../connection/local-region.ts';
import { BadRequest } from '../errors.ts';
import { isAlive } from '../process-alive.ts';

const MARKER = 'landfall-drill';
const WHAT_IT_IS = 'Made by "landfall drill", which empties this folder when it runs again.\n';

/**
 * Makes the drill's own folder and empties it, unless what an earlier drill left is to be kept. Nobody else gets
 * it until the returned function is called.
 * @throws BadRequest when a drill or a region is at work there, or it is no drill's folder
 */
export async function takeDrillFolder(
  folder: string,
  { keep }: { keep: boolean },
): Promise<() => Promise<void>> {
  // Disks of machines lie in it: for their owner only.
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const names = await readdir(folder);
  const marker = join(folder, MARKER);
  if (names.length > 0 && !names.includes(MARKER)) {
    throw new BadRequest(
      `${folder} is not empty and was not made by a drill`,
      'Choose another place with --state-folder, or empty it yourself.',
    );
  }
  await refuseSecondDrill(folder, marker);
  await refuseRegionAtWork(folder);
  await writeFile(marker, `${process.pid}\n${WHAT_IT_IS}`);
  const others = names.filter((name) => name !== MARKER);
  if (!keep)
    await Promise.all(others.map((name) => rm(join(folder, name), { recursive: true, force: true })));
  return () => writeFile(marker, WHAT_IT_IS);
}

async function refuseSecondDrill(folder: string, marker: string): Promise<void> {
  const pid = Number.parseInt(await readFile(marker, 'utf8').catch(() => ''), 10);
  if (Number.isNaN(pid) || !isAlive(pid)) return;
  throw new BadRequest(
    `a drill is under way in ${folder} (process ${pid})`,
    'Wait for its end, choose another --state-folder, or remove the folder if that process is something else.',
  );
}

/** Whoever looks at what a drill has left serves its folder with "landfall local". */
async function refuseRegionAtWork(folder: string): Promise<void> {
  const region = await findRegionOn(folder);
  if (region === undefined) return;
  throw new BadRequest(
    `process ${region.pid} serves what is in ${folder} at ${region.endpoint}`,
    'Stop it (Ctrl-C ends "landfall local"), or choose another --state-folder.',
  );
}
