import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { makeProgram } from '../../cli/program.ts';
import { makeTempFolder, runBin, runCli } from './support.ts';

const cwd = process.cwd();

describe('the program itself', () => {
  test('ends with 2 for what it does not know, and says where help is', async () => {
    const [option, command, nothing] = await Promise.all([
      runBin(['points', '--repositry', 'x'], { cwd }),
      runBin(['pionts'], { cwd }),
      runBin([], { cwd }),
    ]);
    expect(option).toMatchObject({ exitCode: 2, stdout: '' });
    expect(option.stderr).toContain("error: unknown option '--repositry'\n(Did you mean --repository?)");
    expect(command).toMatchObject({ exitCode: 2, stdout: '' });
    expect(command.stderr).toContain("error: unknown command 'pionts'\n(Did you mean points?)");
    expect(nothing.exitCode).toBe(2);
    expect(nothing.stderr).toContain('Usage: landfall [options] [command]');
  });

  test('says plainly that nothing answers, and what to do', async () => {
    const env = { AWS_ENDPOINT_URL: 'http://127.0.0.1:9', AWS_MAX_ATTEMPTS: '1' };
    const { exitCode, stdout, stderr } = await runBin(['points'], { cwd, env });
    expect([exitCode, stdout]).toEqual([1, '']);
    expect(stderr).toBe(
      [
        'Talking to http://127.0.0.1:9 (AWS_ENDPOINT_URL).',
        'landfall: connect ECONNREFUSED 127.0.0.1:9',
        '  Is it running? "landfall local" starts the local region; unset AWS_ENDPOINT_URL to talk to AWS.',
        '',
      ].join('\n'),
    );
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('ends with 3 on %s', async (signal) => {
    // A server that never answers: once it is asked, the command waits.
    const asked = Promise.withResolvers<void>();
    const server = createServer(() => asked.resolve()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const env = { PATH: process.env.PATH, AWS_ENDPOINT_URL: `http://127.0.0.1:${port}` };
    const program = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
    const child = spawn(process.execPath, [program, 'points'], {
      cwd,
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const said = text(child.stderr);
    await asked.promise;
    child.kill(signal);
    expect((await once(child, 'close'))[0]).toBe(3);
    expect(await said).toContain('\nlandfall: interrupted.\n');
    server.closeAllConnections();
    server.close();
  });
});

describe('help', () => {
  const host = {
    cwd,
    env: {},
    stdin: process.stdin,
    stdout: { write: () => {} },
    stderr: { write: () => {} },
    signal: new AbortController().signal,
    exitCode: 0 as const,
  };
  const names = makeProgram(host).commands.map((command) => command.name());

  test('there is a command for everything', () => {
    expect(names).toEqual(['backup', 'points', 'verify', 'restore', 'show', 'cancel', 'local', 'drill']);
  });

  test.each(names)('of %s has examples, the global options, and is done with 0', async (name) => {
    const { exitCode, stdout, stderr } = await runCli([name, '--help'], { cwd });
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(new RegExp(`^Usage: landfall ${name} `));
    expect(stdout).toContain('Examples:\n');
    expect(stdout).toContain(`  $ landfall ${name}`);
    expect(stdout).toContain('--state-folder <folder>');
    for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(120);
  });

  test.each([
    [
      ['backup', '--disk', 'x', '--kind', 'vax'],
      "argument 'vax' is invalid. Allowed choices are ec2, vmware",
    ],
    [['backup'], "required option '--disk <[id=]path>' not specified"],
    [['backup', '--disk', 'x', '--time', 'yesterday'], 'It must be a time like'],
    [['backup', '--disk', 'x', '--tag', 'novalue'], 'It must be of the form key=value'],
    [['local', '--port', '-1'], 'It must be a whole number, 0 to 65535'],
    [['local', '--port', '99999'], 'It must be a whole number, 0 to 65535'],
    [['backup', '--disk', 'x', '--segment-mib', '0'], 'It must be a whole number, 1 or more'],
    [['drill', '--time-scale', '0'], 'It must be a number above 0'],
    [['points', 'extra'], 'too many arguments'],
    [['show'], "missing required argument 'restore'"],
  ])('%j is a bad request', async (args, message) => {
    const { exitCode, stderr } = await runCli(args, { cwd });
    expect(stderr).toContain(message);
    expect(exitCode).toBe(2);
  });
});

test('a global option may stand before the command or after it', async () => {
  const folder = await makeTempFolder();
  const before = await runCli(['--json', 'points', '--repository', 'none'], { cwd: folder });
  const after = await runCli(['points', '--repository', 'none', '--json'], { cwd: folder });
  expect(before).toEqual(after);
  await expect(stat(join(folder, 'none'))).rejects.toThrow('ENOENT');
});
