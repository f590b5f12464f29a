import { spawn } from 'node:child_process';
import { LandfallError } from '../core/model/errors.ts';

export interface ProgramResult {
  readonly exitCode: number;
  readonly stdout: string;
  /** The last few kilobytes of what it said on stderr. */
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly signal?: AbortSignal;
}

const KEPT_STDERR_CHARS = 8_000;
/** What says more is stopped: 16 million characters are all that a caller should hold. */
const MOST_STDOUT_CHARS = 16_000_000;

/** A program said far more than it was expected to. */
export class TooMuchOutput extends LandfallError {
  override readonly name = 'TooMuchOutput';
}

/**
 * Runs another program to its end and collects what it says on stdout.
 * @throws the system's error when it cannot be started (`ENOENT`: it is not on PATH), TooMuchOutput, the signal's
 * reason when aborted
 */
export async function runProgram(
  command: string,
  args: readonly string[],
  { env = process.env, cwd, signal }: ProgramOptions = {},
): Promise<ProgramResult> {
  signal?.throwIfAborted();
  const child = spawn(command, args, { env: { ...env }, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const kill = () => child.kill('SIGTERM');
  signal?.addEventListener('abort', kill, { once: true });
  try {
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      if (stdout.length > MOST_STDOUT_CHARS) kill();
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-KEPT_STDERR_CHARS);
    });
    const exitCode = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve(code ?? 1));
    });
    signal?.throwIfAborted();
    if (stdout.length > MOST_STDOUT_CHARS) throw new TooMuchOutput(`${command} said too much to be kept`);
    return { exitCode, stdout, stderr };
  } finally {
    signal?.removeEventListener('abort', kill);
  }
}
