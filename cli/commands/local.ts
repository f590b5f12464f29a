import { once } from 'node:events';
import { Command, Option } from 'commander';
import { z } from 'zod';
import { LOCAL_CREDENTIALS, LOCAL_REGION_NAME } from '../connection/client-config.ts';
import { startDeployedRegion } from '../connection/local-region.ts';
import { EXIT } from '../errors.ts';
import { type Host, printJson, printLine, printNote } from '../host.ts';
import { parsePositive, wholeNumber } from '../option-values.ts';
import { readFlags } from '../program-flags.ts';

const EXAMPLES = `
Examples:
  $ landfall local
  $ landfall local --time-scale 0.02              everything takes a fiftieth of its time

  # then, in another terminal
  $ export AWS_ENDPOINT_URL=http://127.0.0.1:4566 AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1
  $ export AWS_ACCESS_KEY_ID=landfall AWS_SECRET_ACCESS_KEY=landfall
  $ aws stepfunctions list-state-machines

State is kept under --state-folder: a second start goes on from there. docs/local-region.md says what is
simulated and what is not.`;

const MOST_PORT = 65_535;

const flagShape = {
  port: z.number().default(4566),
  timeScale: z.number().default(1),
  waitMs: z.number().optional(),
};

/** `landfall local`: serves the local region until Ctrl-C. */
export function makeLocalCommand(host: Host): Command {
  return new Command('local')
    .summary('serve the local region for the AWS CLI, SDKs and other commands')
    .description('Serves the local region on a loopback port until Ctrl-C, with the stack deployed into it.')
    .addOption(
      new Option('--port <port>', '0 takes any free one').argParser(wholeNumber(0, MOST_PORT)).default(4566),
    )
    .addOption(
      new Option('--time-scale <factor>', 'of simulated durations; 1 is as on AWS')
        .argParser(parsePositive)
        .default(1),
    )
    .addOption(
      new Option('--wait-ms <ms>', 'replaces every wait of state machines').argParser(wholeNumber(0)),
    )
    .addHelpText('after', EXAMPLES)
    .action(async (_options, command: Command) => {
      const { global, own } = readFlags(command, { host, shape: flagShape });
      const { stateFolder } = global;
      const log = global.quiet ? undefined : (line: string) => printNote(host, line);
      const region = await startDeployedRegion(host, { stateFolder, log, ...own });
      try {
        const { endpoint } = region;
        if (global.json) printJson(host, { endpoint, stateFolder, region: LOCAL_REGION_NAME });
        else for (const line of instructions(endpoint, stateFolder)) printLine(host, line);
        if (!host.signal.aborted) await once(host.signal, 'abort');
      } finally {
        await region.stop();
      }
      // Ctrl-C is how a server is asked to end, not an interruption.
      host.exitCode = EXIT.done;
    });
}

function instructions(endpoint: string, stateFolder: string): string[] {
  const { accessKeyId, secretAccessKey } = LOCAL_CREDENTIALS;
  return [
    `The local region serves ${endpoint}: account 123456789012, ${LOCAL_REGION_NAME}, state in ${stateFolder}.`,
    '',
    'Point the AWS CLI, an SDK, or landfall itself at it:',
    `  export AWS_ENDPOINT_URL=${endpoint}`,
    // The AWS CLI of version 1 knows the second name of the region only, most SDKs the first.
    `  export AWS_REGION=${LOCAL_REGION_NAME} AWS_DEFAULT_REGION=${LOCAL_REGION_NAME}`,
    `  export AWS_ACCESS_KEY_ID=${accessKeyId} AWS_SECRET_ACCESS_KEY=${secretAccessKey}`,
    '  aws stepfunctions list-state-machines',
    '  npx landfall points',
    '',
    'Ctrl-C ends it; what it holds stays.',
  ];
}
