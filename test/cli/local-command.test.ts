import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { MIB, makeTempFolder, runCli } from './support.ts';

const PROGRAM = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

async function startLocal(cwd: string) {
  const child = spawn(process.execPath, [PROGRAM, 'local', '--port', '0', '--json'], {
    cwd,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(createInterface(child.stdout), 'line');
  return {
    facts: JSON.parse(line),
    async stop(signal: NodeJS.Signals) {
      const ended = once(child, 'close');
      child.kill(signal);
      return (await ended)[0];
    },
  };
}

test('serves the stack until Ctrl-C, which is no failure, and goes on from there the next time', async () => {
  const cwd = await makeTempFolder();
  await writeFile(join(cwd, 'a.img'), randomBytes(MIB));
  const local = await startLocal(cwd);
  expect(local.facts).toEqual({
    endpoint: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    stateFolder: join(cwd, '.landfall'),
    region: 'us-east-1',
  });
  const env = { AWS_ENDPOINT_URL: local.facts.endpoint };
  const backup = await runCli(['backup', '--kind', 'ec2', '--name', 'a', '--disk', 'a.img', '--json'], {
    cwd,
    env,
  });
  expect(backup.exitCode, backup.stderr).toBe(0);
  const { restorePoint } = JSON.parse(backup.stdout);

  const second = await runCli(['local', '--port', '0'], { cwd });
  expect(second.exitCode).toBe(1);
  expect(second.stderr).toMatch(
    /landfall: process \d+ runs a region at http:.* on .*\.landfall; stop it first/,
  );

  const third = await runCli(['local', '--port', new URL(local.facts.endpoint).port, '--state-folder', 'b'], {
    cwd,
  });
  expect(third.exitCode).toBe(1);
  expect(third.stderr).toContain('choose another port with --port');

  // A drill would empty the folder under it.
  await rename(join(cwd, '.landfall'), join(cwd, 'drill'));
  await writeFile(join(cwd, 'drill', 'landfall-drill'), '');
  const drill = await runCli(['drill', '--state-folder', '.'], { cwd });
  await rm(join(cwd, 'drill', 'landfall-drill'));
  await rename(join(cwd, 'drill'), join(cwd, '.landfall'));
  expect(drill.exitCode).toBe(2);
  expect(drill.stderr).toContain(`serves what is in ${cwd}/drill at ${local.facts.endpoint}`);

  expect(await local.stop('SIGINT')).toBe(0);
  // Nothing runs there any more: this command runs the region itself, on the same state.
  const points = await runCli(['points', '--local', '--json'], { cwd });
  expect(points.exitCode, points.stderr).toBe(0);
  expect(points.stderr).toContain('(for this command only, state in ');
  expect(JSON.parse(points.stdout)).toMatchObject([{ id: restorePoint }]);
});
