import { EXIT } from './errors.ts';
import type { Host } from './host.ts';

/** The program that starts this one passes signals on, which a terminal has sent here already. */
const SAME_SIGNAL_MS = 250;
/** How long a command may tidy up after the first Ctrl-C; a second one ends it at once. */
const TIDY_UP_MS = 15_000;

const interruption = new AbortController();
let firstAt: number | undefined;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (firstAt !== undefined) {
      if (performance.now() - firstAt > SAME_SIGNAL_MS) process.exit(EXIT.interrupted);
      return;
    }
    firstAt = performance.now();
    interruption.abort(new Error(`stopped by ${signal}`));
    setTimeout(() => process.exit(EXIT.interrupted), TIDY_UP_MS).unref();
  });
}
// A reader that has gone (`landfall points | head -1`) is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(EXIT.done);
});

const host: Host = {
  env: process.env,
  cwd: process.cwd(),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: interruption.signal,
  exitCode: EXIT.done,
};

// Loaded only now, which takes some tenths of a second: a Ctrl-C meanwhile finds its handler.
const { runCommandLine } = await import('./program.ts');
process.exitCode = await runCommandLine(process.argv.slice(2), host);
// Sockets kept alive by a client that a failure left open must not hold the process.
setTimeout(() => process.exit(), 2_000).unref();
