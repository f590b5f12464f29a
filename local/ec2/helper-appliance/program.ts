import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const GUARD = fileURLToPath(new URL('guard.ts', import.meta.url));

export interface ProgramStart {
  /** Path of the program. */
  readonly file: string;
  readonly nodeOptions: readonly string[];
  readonly args: readonly string[];
  /** All the environment it gets. */
  readonly environment: Readonly<Record<string, string>>;
  readonly folder: string;
  /** File that what it prints is added to. */
  readonly console: string;
}

export type ProgramEnd =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'killed'; readonly signal: string };

/** A helper's program at work, a child process of the region. */
export interface Program {
  readonly pid: number;
  readonly ended: Promise<ProgramEnd>;
  /** Ends it at once; nothing happens when it has ended. */
  kill(): void;
}

/** Starts a program on the region's own Node.js. @throws what the operating system says */
export async function startProgram({
  file,
  nodeOptions,
  args,
  environment,
  folder,
  console,
}: ProgramStart): Promise<Program> {
  const output = openSync(console, 'a', 0o600);
  const child = spawn(process.execPath, [...nodeOptions, '--import', GUARD, file, ...args], {
    cwd: folder,
    env: environment,
    stdio: ['ignore', output, output, 'ipc'],
    // Ctrl-C in the region's terminal is for the region, which ends its helpers itself.
    detached: true,
  });
  closeSync(output);
  const started = Promise.withResolvers<number>();
  const ended = Promise.withResolvers<ProgramEnd>();
  child.once('spawn', () => started.resolve(child.pid ?? 0));
  // Also when a signal cannot be sent; by then it has started.
  child.on('error', started.reject);
  child.once('exit', (code, signal) =>
    ended.resolve(signal === null ? { kind: 'exited', code: code ?? 0 } : { kind: 'killed', signal }),
  );
  const pid = await started.promise;
  return {
    pid,
    ended: ended.promise,
    kill: () => void child.kill('SIGKILL'),
  };
}
