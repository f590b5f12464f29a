import { join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { z } from 'zod';
import { type BackupRequest, makeBackupRequest, parseDiskFlags } from '../backup/backup-request.ts';
import { takeDrillFolder } from '../drill/drill-folder.ts';
import { rawDisks } from '../drill/raw-disks.ts';
import { runDrill } from '../drill/run-drill.ts';
import { unpackSampleMachine } from '../drill/sample-machine.ts';
import { type Host, printNote } from '../host.ts';
import { collect, parsePositive, wholeNumber } from '../option-values.ts';
import { readFlags } from '../program-flags.ts';
import { STRATEGIES } from '../restore/request-flags.ts';

/** Of AWS's durations: an instance that takes 30 seconds to start takes 0.6. */
const TIME_SCALE = 0.02;

/** Small for the small sample, so that there is something to see: with 1 GiB, the default, its disks have one or two. */
const SAMPLE_SEGMENT_BYTES = 64 * 1024 ** 2;

const EXAMPLES = `
Examples:
  $ landfall drill                                a sample machine that comes with Landfall
  $ landfall drill --disk root.img --disk data.img
  $ npm start -- --disk /dev/sdb

The drill runs in a local region of its own under <state folder>/drill, whatever AWS_ENDPOINT_URL says. What it
leaves there (the restored volumes too) stays until the next drill. Ends with 1 when anything differs.`;

const flagShape = {
  disk: z.array(z.string()).default([]),
  strategy: z.enum(['auto', 'upload']).default('auto'),
  keep: z.boolean().default(false),
  timeScale: z.number().default(TIME_SCALE),
  waitMs: z.number().optional(),
};

/** `landfall drill`, and `npm start`: back up, restore and compare, all on this machine. */
export function makeDrillCommand(host: Host): Command {
  return new Command('drill')
    .summary('back up, restore and compare a machine, all on this machine')
    .description(
      'Backs up a machine, restores it in a local region, and compares every volume with its source.',
    )
    .option(
      '--disk <[id=]path>',
      'disk of your own instead of the sample machine’s; may be repeated',
      collect,
    )
    .addOption(new Option('--strategy <strategy>', 'how disks become volumes').choices(STRATEGIES))
    .option('--keep', 'keep what earlier drills have left, and go on from there')
    .addOption(
      new Option('--time-scale <factor>', 'of simulated durations; 1 is as on AWS')
        .argParser(parsePositive)
        .default(TIME_SCALE),
    )
    .addOption(
      new Option('--wait-ms <ms>', 'replaces every wait of state machines')
        .argParser(wholeNumber(0))
        .hideHelp(),
    )
    .addHelpText('after', EXAMPLES)
    .action(async (_options, command: Command) => {
      const { global, own } = readFlags(command, { host, shape: flagShape });
      const { strategy, timeScale, waitMs, keep } = own;
      const folder = join(global.stateFolder, 'drill');
      const release = await takeDrillFolder(folder, { keep });
      try {
        const request = await machineOf(host, { disks: own.disk, folder: join(folder, 'sources') });
        const segmentBytes = own.disk.length === 0 ? SAMPLE_SEGMENT_BYTES : undefined;
        await runDrill({
          ...{ host, flags: global, folder, request, strategy },
          ...{ segmentBytes, timeScale, waitMs },
        });
      } finally {
        await release();
      }
    });
}

async function machineOf(
  host: Host,
  { disks, folder }: { disks: readonly string[]; folder: string },
): Promise<BackupRequest> {
  if (disks.length === 0) {
    printNote(host, 'Unpacking the sample machine web01…');
    return await unpackSampleMachine(folder);
  }
  const given = parseDiskFlags(disks).map((disk) => ({ ...disk, path: resolve(host.cwd, disk.path) }));
  return makeBackupRequest({
    disks: await rawDisks(host, { disks: given, folder }),
    name: 'drill',
    kind: 'ec2',
    usageOperation: 'RunInstances',
    deviceNames: {},
    tags: {},
  });
}
