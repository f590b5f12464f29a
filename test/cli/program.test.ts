import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { makeProgram } from '../../cli/program.ts';
import { BIN, makeTempFolder, runBin, runCli } from './support.ts';

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

  test.each([
    ['without AWS set up', {}, [], 'Talking to AWS, region not set.\nlandfall: no AWS region is set\n'],
    [
      'with an endpoint that is none',
      { AWS_ENDPOINT_URL: 'localhost:4566' },
      [],
      'landfall: AWS_ENDPOINT_URL is "localhost:4566"',
    ],
  ])('is a bad request %s', async (_, given, args, message) => {
    const home = await makeTempFolder();
    const env = { HOME: home, AWS_EC2_METADATA_DISABLED: 'true', ...given };
    const { exitCode, stderr } = await runBin(['points', ...args], { cwd, env });
    expect(stderr).toContain(message);
    expect(exitCode).toBe(2);
  });

  test('without credentials says all the same what it talks to', async () => {
    const env = { HOME: await makeTempFolder(), AWS_EC2_METADATA_DISABLED: 'true' };
    const { exitCode, stderr } = await runBin(['points', '--region', 'eu-west-1'], { cwd, env });
    expect(stderr).toMatch(
      /^Talking to AWS, region eu-west-1, account not known\.\nlandfall: .*\n {2}Log in /,
    );
    expect(exitCode).toBe(1);
  });

  test.each([
    [
      ['restore', '--strategy', 'upload', '--helper-type', 'c7g.large'],
      '--helper-type has no meaning with strategy upload',
    ],
    [['restore', '--to', 'x', '--helper-subnet', 'y'], '--helper-subnet has no meaning with --to'],
    [
      ['drill', '--strategy', 'upload', '--read-back', 'all'],
      '--read-back has no meaning with strategy upload',
    ],
    [['drill', '--strategy', 'helper', '--read-back', 'some'], 'Allowed choices are sample, all.'],
  ])('refuses %j before it talks to anybody', async (args, message) => {
    const { exitCode, stderr } = await runCli(args, { cwd: await makeTempFolder() });
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('Talking to');
    expect(exitCode).toBe(2);
  });

  test('names a folder that cannot be used', async () => {
    const folder = await makeTempFolder();
    await writeFile(join(folder, 'file'), '');
    const args = ['points', '--local', '--state-folder', 'file/state'];
    const { exitCode, stderr } = await runCli(args, { cwd: folder });
    expect(stderr).toContain(`'${folder}/file/state`);
    expect(stderr).toContain('Check that the folder is there and may be written');
    expect(exitCode).toBe(1);
  });

  /** Whether the program itself has its handlers yet makes no difference to whoever stops it. */
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'ends with 3 on %s at its very start',
    async (signal) => {
      const hang =
        "process.argv[1].endsWith('main.ts') && (process.stdout.write('x'), await new Promise((r) => setTimeout(r, 9e4)))";
      const env = {
        PATH: process.env.PATH,
        NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(hang)}`,
      };
      const child = spawn(process.execPath, [BIN, 'points'], {
        cwd,
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(child.stdout, 'data');
      child.kill(signal);
      expect(await once(child, 'close')).toEqual([3, null]);
    },
  );

  test.each([
    ['SIGINT', 'to it alone', false],
    ['SIGTERM', 'to it alone', false],
    ['SIGINT', 'to all its processes, as a terminal does', true],
  ] as const)('ends with 3 on %s %s', async (signal, _, toGroup) => {
    // A server that never answers: once it is asked, the command waits.
    const asked = Promise.withResolvers<void>();
    const server = createServer(() => asked.resolve()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const env = { PATH: process.env.PATH, AWS_ENDPOINT_URL: `http://127.0.0.1:${port}` };
    const child = spawn(process.execPath, [BIN, 'points'], {
      cwd,
      env,
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const said = text(child.stderr);
    await asked.promise;
    process.kill(toGroup ? -(child.pid ?? 0) : (child.pid ?? 0), signal);
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
    expect(names).toEqual([
      ...['backup', 'points', 'verify', 'plan', 'restore', 'show', 'cancel', 'local', 'drill'],
    ]);
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
