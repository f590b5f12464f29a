/** The program on the helper appliance. Exit code 0: its life is over, the machine should end; anything else: start it again. */
import { runHelper } from './run.ts';

const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => interruption.abort(new Error(`stopped by ${signal}`)));
}
const code = await runHelper(process.argv.slice(2), {
  signal: interruption.signal,
  log: (line) => console.log(line),
});
// Sockets that are kept alive, or a device that does not answer, must not hold the process.
process.exit(code);
