import { join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { z } from 'zod';
import { readBackSchema } from '../../core/model/helper.ts';
import { makeBackupRequest, parseDiskFlags } from '../backup/backup-request.ts';
import { namingFullDisk } from '../disk-full.ts';
import { takeDrillFolder } from '../drill/drill-folder.ts';
import { rawDisks } from '../drill/raw-disks.ts';
import { type Drill, runDrill } from '../drill/run-drill.ts';
import { unpackSampleMachine } from '../drill/sample-machine.ts';
import { chooseTimeScale } from '../drill/time-scale.ts';
import { BadRequest } from '../errors.ts';
import { type Host, printNote } from '../host.ts';
import { collect, parsePositive, wholeNumber } from '../option-values.ts';
import { readFlags } from '../program-flags.ts';
import { mayUseHelper, READ_BACKS, STRATEGIES, strategySchema } from '../restore/request-flags.ts';

/** Small for the small sample, so that there is something to see: with 1 GiB, the default, its disks have one or two. */
const SAMPLE_SEGMENT_BYTES = 64 * 1024 ** 2;

const EXAMPLES = `
Examples:
  $ landfall drill                                a sample machine that comes with Landfall
  $ landfall drill --disk root.img --disk data.img
  $ landfall drill --strategy helper              by a helper appliance, whose program is the real one
  $ npm start -- --disk /dev/sdb

The drill runs in a local region of its own under <state folder>/drill, whatever AWS_ENDPOINT_URL says. What it
leaves there (the restored volumes too) stays until the next drill. Ends with 1 when anything differs.`;

const flagShape = {
  disk: z.array(z.string()).default([]),
  strategy: strategySchema.default('auto'),
  readBack: readBackSchema.optional(),
  keep: z.boolean().default(false),
  timeScale: z.number().optional(),
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
    .addOption(
      new Option('--strategy <strategy>', 'how disks become volumes; default: auto').choices(STRATEGIES),
    )
    .addOption(
      new Option(
        '--read-back <amount>',
        'how much of the volumes a helper reads back and compares; default: sample',
      ).choices(READ_BACKS),
    )
    .option('--keep', 'keep what earlier drills have left, and go on from there')
    .addOption(
      new Option(
        '--time-scale <factor>',
        'of simulated durations; 1 is as on AWS; default: 0.02, more for large disks',
      ).argParser(parsePositive),
    )
    .addOption(
      new Option('--wait-ms <ms>', 'replaces every wait of state machines')
        .argParser(wholeNumber(0))
        .hideHelp(),
    )
    .addHelpText('after', EXAMPLES)
    .action(async (_options, command: Command) => {
      const { global, own } = readFlags(command, { host, shape: flagShape });
      const folder = join(global.stateFolder, 'drill');
      const { strategy, readBack, waitMs, keep } = own;
      if (readBack !== undefined && !mayUseHelper(strategy)) {
        throw new BadRequest(
          `--read-back has no meaning with strategy ${strategy}`,
          'Use --strategy helper, or leave --read-back out.',
        );
      }
      const release = await takeDrillFolder(folder, { keep });
      try {
        await namingFullDisk(folder, async () => {
          const machine = await machineOf(host, { disks: own.disk, folder: join(folder, 'sources') });
          const timeScale = own.timeScale ?? machine.timeScale;
          await runDrill({ ...machine, host, flags: global, folder, strategy, readBack, waitMs, timeScale });
        });
      } finally {
        await release();
      }
    });
}

/** The machine of a drill, and how it is dealt with. */
async function machineOf(
  host: Host,
  { disks, folder }: { disks: readonly string[]; folder: string },
): Promise<Pick<Drill, 'request' | 'segmentBytes' | 'timeScale'>> {
  if (disks.length === 0) {
    printNote(host, 'Unpacking the sample machine web01…');
    const request = await unpackSampleMachine(folder);
    return { request, segmentBytes: SAMPLE_SEGMENT_BYTES, timeScale: chooseTimeScale([]) };
  }
  const given = parseDiskFlags(disks).map((disk) => ({ ...disk, path: resolve(host.cwd, disk.path) }));
  const raw = await rawDisks(host, { disks: given, folder });
  const request = makeBackupRequest({
    disks: raw.map(({ id, path }) => ({ id, path })),
    name: 'drill',
    kind: 'ec2',
    usageOperation: 'RunInstances',
    deviceNames: {},
    tags: {},
  });
  return { request, timeScale: chooseTimeScale(raw.map(({ sizeBytes }) => sizeBytes)) };
}
