import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { z } from 'zod';
import { BadRequest } from '../errors.ts';
import type { Host } from '../host.ts';
import { collect, collectPairs, parseTime, wholeNumber } from '../option-values.ts';
import { parseRepositoryLocation, REPOSITORY_FLAG, REPOSITORY_HELP } from '../repository-location.ts';
import { BOOT_MODES, CONVERSIONS, LICENSE_TYPES, READ_BACKS, STRATEGIES } from './request-flags.ts';

/** Flags that name the restore point. */
export const pointShape = {
  point: z.string().optional(),
  workload: z.string().optional(),
  at: z.date().optional(),
  repository: z.string().optional(),
};

/** Flags about the helper appliance. */
export const helperShape = {
  helperType: z.string().optional(),
  helperSubnet: z.string().optional(),
  helperSecurityGroup: z.array(z.string()).optional(),
  readBack: z.string().optional(),
};

/** Flags that become fields of a restore request. */
export const requestShape = {
  request: z.string().optional(),
  restoreId: z.string().optional(),
  strategy: z.string().optional(),
  volumesOnly: z.boolean().optional(),
  original: z.boolean().optional(),
  name: z.string().optional(),
  namePrefix: z.string().optional(),
  nameSuffix: z.string().optional(),
  instanceType: z.array(z.string()).optional(),
  subnet: z.array(z.string()).optional(),
  zone: z.string().optional(),
  securityGroup: z.array(z.string()).optional(),
  privateIp: z.string().optional(),
  publicIp: z.boolean().optional(),
  keyName: z.string().optional(),
  instanceProfile: z.string().optional(),
  image: z.string().optional(),
  imds: z.boolean().optional(),
  imdsTokens: z.string().optional(),
  imdsHopLimit: z.number().optional(),
  excludeDisk: z.array(z.string()).optional(),
  initializationRate: z.record(z.string(), z.string()).optional(),
  targetTag: z.record(z.string(), z.string()).optional(),
  powerOn: z.boolean().optional(),
  conversion: z.string().optional(),
  licenseType: z.string().optional(),
  bootMode: z.string().optional(),
  keepOnFailure: z.boolean().optional(),
  reason: z.string().optional(),
  ...helperShape,
};

/** The options of {@link pointShape} and {@link requestShape}: `restore` and `plan` have the same. */
export function addRequestOptions(command: Command): Command {
  return command
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
    .option('--volumes-only', 'make no instance: leave the restored volumes available')
    .addOption(
      new Option(
        '--original',
        'make no instance: exchange the volumes of the one that was backed up, and keep its old ones',
      ).conflicts('volumesOnly'),
    )
    .option('--exclude-disk <id>', 'leave a disk out; may be repeated', collect)
    .option('--name <name>', 'name of the instance; default: the machine’s')
    .option('--name-prefix <text>', 'put before the machine’s name')
    .option('--name-suffix <text>', 'put after the machine’s name')
    .option(
      '--instance-type <type>',
      'default: the source instance’s; may be repeated: the next is tried where EC2 has no room for one',
      collect,
    )
    .option(
      '--subnet <id>',
      'default: the source instance’s; may be repeated: the first that will do is taken',
      collect,
    )
    .option('--zone <name>', 'with --volumes-only, where the volumes are made, in place of --subnet')
    .option('--security-group <id>', 'may be repeated; default: the source instance’s', collect)
    .option('--private-ip <address>', 'a free address of the subnet')
    .option('--public-ip', 'give it a public address; default: as the subnet says')
    .option('--no-public-ip', 'give it none')
    .option('--key-name <name>', 'key pair shown with the instance')
    .option('--instance-profile <name>', 'IAM instance profile; default: none')
    .option('--image <id>', 'image to launch from before the root volume is swapped')
    .option('--imds', 'let it have instance metadata; default: as at the source, else yes')
    .option('--no-imds', 'let it have none')
    .option('--imds-tokens <optional|required>', 'default: as at the source, else required')
    .option(
      '--imds-hop-limit <hops>',
      'how far metadata travels; default: as at the source',
      wholeNumber(1, 64),
    )
    .option(
      '--initialization-rate <disk=MiB/s>',
      '100 to 300, for a price: how fast a volume is filled from its snapshot; may be repeated',
      collectPairs,
    )
    .option('--target-tag <key=value>', 'tag of instance and volumes; may be repeated', collectPairs)
    .option('--power-on', 'start the instance when everything is attached (default)')
    .option('--no-power-on', 'leave it stopped')
    .option('--keep-on-failure', 'leave what was made, for inspection, when the restore fails')
    .option('--restore-id <id>', 'name of the restore; default: made up')
    .option('--reason <text>', 'kept with the result')
    .optionsGroup('A machine that is no backup of EC2:')
    .addOption(
      new Option(
        '--conversion <kind>',
        'import has VM Import make it bootable (default); none launches Linux as it is',
      ).choices(CONVERSIONS),
    )
    .addOption(
      new Option('--license-type <type>', 'whose licence; default: as VM Import decides').choices(
        LICENSE_TYPES,
      ),
    )
    .addOption(new Option('--boot-mode <mode>', 'default: as it was backed up').choices(BOOT_MODES))
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
    );
}

/** @throws BadRequest where the repository is a folder: EC2 is restored to from S3 */
export function requireRepositoryInS3(repository: string | undefined, host: Host): void {
  const location = parseRepositoryLocation(repository, host.cwd);
  if (location.kind !== 'folder') return;
  throw new BadRequest(
    `a restore to EC2 reads its repository in S3, not the folder ${location.folder}`,
    'Copy it there (aws s3 sync), or restore disks to this machine with --to.',
  );
}

/** What the request file says, whatever it is; undefined where there is none. @throws BadRequest */
export async function readRequestFile(path: string | undefined, host: Host): Promise<unknown> {
  if (path === undefined) return undefined;
  const file = resolve(host.cwd, path);
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new BadRequest(
      `--request ${file} cannot be read as JSON: ${String(cause)}`,
      'Correct the file or its path.',
      { cause },
    );
  }
}
