import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { listRestorePoints, makeFolderStore, openRepository, verify } from '../../core/repository/index.ts';
import { bytesOf, noise, openDiskOf } from './machines.ts';

const BLOCKS = 100;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'landfall-kill-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** Runs the writer, and kills it so long after it began; answers whether it was done before that. */
async function runWriter(killAfterMs?: number): Promise<boolean> {
  const program = new URL('./backup-process.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [program, folder, String(BLOCKS)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  const begins = Promise.withResolvers<void>();
  child.stdout.on('data', (chunk) => {
    output += chunk;
    if (output.includes('begins')) begins.resolve();
  });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  await Promise.race([begins.promise, ended]);
  if (killAfterMs !== undefined) {
    await Promise.race([sleep(killAfterMs), ended]);
    child.kill('SIGKILL');
  }
  await ended;
  return output.includes('is done');
}

test('a process that is killed leaves a folder that verifies clean, and the next one completes it', async () => {
  const outcomes: boolean[] = [];
  for (const killAfterMs of [15, 40, 80, 130, 200]) {
    outcomes.push(await runWriter(killAfterMs));
    const repository = await openRepository(makeFolderStore({ folder }));
    expect((await verify(repository)).findings).toEqual([]);
  }
  // At least the first was killed in the middle, or the test shows nothing.
  expect(outcomes[0]).toBe(false);
  expect(await runWriter()).toBe(true);

  const repository = await openRepository(makeFolderStore({ folder }));
  expect((await verify(repository)).findings).toEqual([]);
  const ids = [];
  for await (const { id } of listRestorePoints(repository)) ids.push(id);
  expect(ids).toHaveLength(1);
  const disk = Buffer.concat(Array.from({ length: BLOCKS }, (_, nth) => noise(`killed ${nth}`)));
  for (const id of ids) expect((await bytesOf(await openDiskOf(repository, id))).equals(disk)).toBe(true);
  // Four packs of up to 16 MiB, and not one more, whatever was killed when.
  const packs = await readdir(join(folder, 'packs'), { recursive: true });
  expect(packs.filter((name) => /[0-9a-f]{64}$/.test(name))).toHaveLength(4);
});
