import { spawn } from 'node:child_process';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach } from 'vitest';
import type { Host } from '../../cli/host.ts';
import { runCommandLine } from '../../cli/program.ts';

export const MIB = 1024 ** 2;

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

/** A folder that is gone after the test. */
export async function makeTempFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'landfall-cli-'));
  folders.push(folder);
  return folder;
}

/** A folder for all tests of a file. */
export async function makeFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'landfall-cli-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** The first bytes of a file that may be large. */
export async function readStart(path: string, length: number): Promise<Buffer> {
  const handle = await open(path);
  const { buffer } = await handle.read(Buffer.alloc(length), 0, length, 0);
  await handle.close();
  return buffer;
}

export interface CliResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd: string;
  readonly env?: Record<string, string | undefined>;
  readonly stdin?: string;
  readonly signal?: AbortSignal;
  /** Sees everything as it is written to stderr. */
  readonly onStderr?: (text: string) => void;
}

/** Runs a command line within this process, with streams, environment and folder of its own. */
export async function runCli(args: readonly string[], options: CliOptions): Promise<CliResult> {
  const { cwd, env = {}, stdin = '', signal = new AbortController().signal, onStderr } = options;
  let stdout = '';
  let stderr = '';
  const host: Host = {
    cwd,
    env: { PATH: process.env.PATH, ...env },
    signal,
    stdin: Readable.from([stdin]),
    stdout: { write: (text) => (stdout += text) },
    stderr: {
      write(text) {
        stderr += text;
        onStderr?.(text);
      },
    },
    exitCode: 0,
  };
  const exitCode = await runCommandLine(args, host);
  return { exitCode, stdout, stderr };
}

/** The program as a person starts it. */
export const BIN = fileURLToPath(new URL('../../bin/landfall.js', import.meta.url));

/** Runs the real program as a person would. */
export async function runBin(args: readonly string[], { cwd, env = {} }: CliOptions): Promise<CliResult> {
  const child = spawn(process.execPath, [BIN, ...args], { cwd, env: { PATH: process.env.PATH, ...env } });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? -1));
  });
  return { exitCode, stdout, stderr };
}
