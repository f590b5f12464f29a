import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { z } from 'zod';
import { BadRequest } from '../errors.ts';
import { type Host, printJson, printLine } from '../host.ts';
import { collect, collectPairs, parseTime } from '../option-values.ts';
import { type GlobalFlags, readFlags, showsProgress } from '../program-flags.ts';
import {
  parseRepositoryLocation,
  REPOSITORY_FLAG,
  REPOSITORY_HELP,
  withRepository,
} from '../repository-location.ts';
import { makeRestoreRequest, mayUseHelper, READ_BACKS, STRATEGIES } from '../restore/request-flags.ts';
import { restoreDiskTo } from '../restore/restore-to.ts';
import { startAndFollow } from '../restore/start-and-follow.ts';
import { parsePointFlags, resolvePoint } from '../select-restore-point.ts';
import { formatBytes } from '../units.ts';

const EXAMPLES = `
Examples:
  # the latest restore point of web01 becomes an EC2 instance
  $ landfall restore --workload web01 --subnet subnet-0b9c8d7e6f5a41302

  # as it was then, left stopped, with more settings from a file
  $ landfall restore --workload web01 --at 2026-01-31T08:00:00Z --no-power-on --request restore.json

  # large disks, in a hurry: a helper appliance writes them at the full speed of EBS
  $ landfall restore --workload web01 --strategy helper --subnet subnet-0b9c8d7e6f5a41302

  # one disk onto a file or a device of this machine; no EC2 is involved
  $ landfall restore --workload web01 --disk root --to root.img
  $ landfall restore --point rp-20260115T080000Z-… --disk data --to /dev/sdb --overwrite

Ctrl-C stops following, not the restore: "landfall show ID" tells how it goes, "landfall cancel ID" ends it.`;

const toShape = {
  to: z.string().optional(),
  disk: z.string().optional(),
  overwrite: z.boolean().optional(),
};

const helperShape = {
  helperType: z.string().optional(),
  helperSubnet: z.string().optional(),
  helperSecurityGroup: z.array(z.string()).optional(),
  readBack: z.string().optional(),
};

const requestShape = {
  request: z.string().optional(),
  restoreId: z.string().optional(),
  strategy: z.string().optional(),
  name: z.string().optional(),
  instanceType: z.string().optional(),
  subnet: z.string().optional(),
  securityGroup: z.array(z.string()).optional(),
  privateIp: z.string().optional(),
  keyName: z.string().optional(),
  instanceProfile: z.string().optional(),
  image: z.string().optional(),
  targetTag: z.record(z.string(), z.string()).optional(),
  powerOn: z.boolean().optional(),
  keepOnFailure: z.boolean().optional(),
  reason: z.string().optional(),
  ...helperShape,
};

const flagShape = {
  ...toShape,
  ...requestShape,
  point: z.string().optional(),
  workload: z.string().optional(),
  at: z.date().optional(),
  repository: z.string().optional(),
  wait: z.boolean().default(true),
};
type RestoreFlags = z.output<z.ZodObject<typeof flagShape>>;

/** `landfall restore`: a restore point becomes an EC2 instance, or a disk of it a file or device. */
export function makeRestoreCommand(host: Host): Command {
  return new Command('restore')
    .summary('restore a machine to EC2 and follow it, or a disk to a file or device')
    .description(
      'Restores a machine to EC2 and follows it; with --to, one disk to a file or device of this machine.',
    )
    .optionsGroup('What to restore:')
    .option('--point <id|latest>', 'restore point; default: the latest')
    .option('--workload <name>', 'the machine, where the repository holds several')
    .option('--at <time>', 'the newest restore point of --workload that is not after this', parseTime)
    .option(REPOSITORY_FLAG, REPOSITORY_HELP)
    .optionsGroup('To EC2:')
    .option('--request <file>', 'restore request as JSON; flags override its fields')
    .addOption(
      new Option('--strategy <strategy>', 'how disks become volumes; default: auto').choices(STRATEGIES),
    )
    .option('--name <name>', 'name of the instance; default: the machine’s')
    .option('--instance-type <type>', 'default: the source instance’s')
    .option('--subnet <id>', 'default: the source instance’s')
    .option('--security-group <id>', 'may be repeated; default: the source instance’s', collect)
    .option('--private-ip <address>', 'a free address of the subnet')
    .option('--key-name <name>', 'key pair shown with the instance')
    .option('--instance-profile <name>', 'IAM instance profile; default: none')
    .option('--image <id>', 'image to launch from before the root volume is swapped')
    .option('--target-tag <key=value>', 'tag of instance and volumes; may be repeated', collectPairs)
    .option('--power-on', 'start the instance when everything is attached (default)')
    .option('--no-power-on', 'leave it stopped')
    .option('--keep-on-failure', 'leave what was made, for inspection, when the restore fails')
    .option('--restore-id <id>', 'name of the restore; default: made up')
    .option('--reason <text>', 'kept with the result')
    .option('--no-wait', 'start the restore and do not follow it')
    .optionsGroup(
      'With --strategy helper, a small temporary instance that writes the disks onto empty volumes:',
    )
    .option('--helper-type <type>', 'its instance type, of arm64; default: chosen by the plan')
    .option('--helper-subnet <id>', 'in the target’s zone, with a way to S3; default: the target’s subnet')
    .option(
      '--helper-security-group <id>',
      'may be repeated; must let out to S3; default: one made for this restore, which lets out to S3 only',
      collect,
    )
    .addOption(
      new Option(
        '--read-back <amount>',
        'how much of the volumes it reads back and compares; default: sample',
      ).choices(READ_BACKS),
    )
    .optionsGroup('To this machine:')
    .option('--to <file|device>', 'write one disk here instead; a new file becomes sparse')
    .option('--disk <id>', 'which disk; may be left out where there is only one')
    .option('--overwrite', 'lose what the file or device holds')
    .addHelpText('after', EXAMPLES)
    .action(async (_options, command: Command) => {
      const { global, own } = readFlags(command, { host, shape: flagShape });
      if (own.to === undefined) await restoreToEc2(host, { global, own });
      else await restoreToTarget(host, { global, own, path: resolve(host.cwd, own.to) });
    });
}

interface Flags {
  readonly global: GlobalFlags;
  readonly own: RestoreFlags;
}

async function restoreToTarget(host: Host, { global, own, path }: Flags & { path: string }): Promise<void> {
  refuse(Object.keys(requestShape), { own, because: 'has no meaning with --to' });
  const choice = parsePointFlags(own);
  const location = parseRepositoryLocation(own.repository, host.cwd);
  const restored = await withRepository({ host, flags: global, location }, async (repository) =>
    restoreDiskTo({
      host,
      repository,
      id: await resolvePoint(repository, choice),
      diskId: own.disk,
      path,
      overwrite: own.overwrite ?? false,
      showsProgress: showsProgress(global),
    }),
  );
  if (global.json) {
    printJson(host, restored);
    return;
  }
  const { restorePoint, diskId, sizeBytes, writtenBytes } = restored;
  printLine(
    host,
    `${diskId} of ${restorePoint} is in ${path}: ${formatBytes(sizeBytes)}, ${formatBytes(writtenBytes)} of it written, zeros elsewhere.`,
  );
}

async function restoreToEc2(host: Host, { global, own }: Flags): Promise<void> {
  refuse(['disk', 'overwrite'], { own, because: 'needs --to' });
  const location = parseRepositoryLocation(own.repository, host.cwd);
  if (location.kind === 'folder') {
    throw new BadRequest(
      `a restore to EC2 reads its repository in S3, not the folder ${location.folder}`,
      'Copy it there (aws s3 sync), or restore disks to this machine with --to.',
    );
  }
  const file = own.request === undefined ? undefined : await readRequestFile(resolve(host.cwd, own.request));
  const unresolved = makeRestoreRequest({ file, flags: own, choice: parsePointFlags(own) });
  const { strategy } = unresolved.input;
  if (!mayUseHelper(strategy)) {
    refuse(Object.keys(helperShape), { own, because: `has no meaning with strategy ${strategy}` });
  }
  await startAndFollow({ host, flags: global, unresolved, wait: own.wait });
}

function refuse(names: readonly string[], { own, because }: { own: RestoreFlags; because: string }): void {
  const given = Object.entries(own).find(([name, value]) => names.includes(name) && value !== undefined);
  if (given === undefined) return;
  const flag = given[0].replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new BadRequest(`--${flag} ${because}`, '"landfall restore --help" tells which flags go together.');
}

async function readRequestFile(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new BadRequest(
      `--request ${path} cannot be read as JSON: ${String(cause)}`,
      'Correct the file or its path.',
      {
        cause,
      },
    );
  }
}
