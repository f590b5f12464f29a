import { Command, CommanderError } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { makeBackupCommand } from './commands/backup.ts';
import { makeCancelCommand } from './commands/cancel.ts';
import { makeDrillCommand } from './commands/drill.ts';
import { makeLocalCommand } from './commands/local.ts';
import { makePlanCommand } from './commands/plan.ts';
import { makePointsCommand } from './commands/points.ts';
import { makeRestoreCommand } from './commands/restore.ts';
import { makeShowCommand } from './commands/show.ts';
import { makeVerifyCommand } from './commands/verify.ts';
import { describeError } from './describe-error.ts';
import { EXIT, type ExitCode } from './errors.ts';
import type { Host } from './host.ts';
import { globalOptions } from './program-flags.ts';

const DESCRIPTION = `Brings backed-up machines ashore in Amazon EC2.

It talks to what AWS_ENDPOINT_URL names, else with --local to the local region on this machine, else to AWS;
and always says first which.`;

const AFTER_HELP = `
Exit codes: 0 done, 1 failed, 2 bad request, 3 interrupted.

Examples:
  $ landfall drill                                back up and restore a sample machine, all on this machine
  $ landfall local                                serve the local region for the AWS CLI and other commands
  $ landfall backup --help                        every command has help with examples`;

/** The whole command line; nothing is run before `parseAsync`. */
export function makeProgram(host: Host): Command {
  const program = new Command('landfall')
    .description(DESCRIPTION)
    .version(packageJson.version)
    .addHelpText('after', AFTER_HELP)
    .showHelpAfterError('("landfall COMMAND --help" tells what there is)');
  for (const option of globalOptions()) program.addOption(option);
  configure(program, host);
  const makers = [
    makeBackupCommand,
    makePointsCommand,
    makeVerifyCommand,
    makePlanCommand,
    makeRestoreCommand,
    makeShowCommand,
    makeCancelCommand,
    makeLocalCommand,
    makeDrillCommand,
  ];
  for (const make of makers) {
    program.addCommand(configure(make(host).copyInheritedSettings(program), host));
  }
  return program;
}

function configure(command: Command, host: Host): Command {
  return command
    .exitOverride()
    .allowExcessArguments(false)
    .configureHelp({ showGlobalOptions: true, helpWidth: Math.min(110, host.stdout.columns || 110) })
    .configureOutput({
      writeOut: (text) => void host.stdout.write(text),
      writeErr: (text) => void host.stderr.write(text),
    });
}

/** Runs one command line (without `node landfall`) and tells its exit code; throws nothing. */
export async function runCommandLine(args: readonly string[], host: Host): Promise<ExitCode> {
  try {
    host.signal.throwIfAborted();
    await makeProgram(host).parseAsync(args, { from: 'user' });
    return host.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.badRequest;
    const { lines, exitCode } = describeError(error, host);
    for (const line of lines) host.stderr.write(`${line}\n`);
    return exitCode;
  }
}
