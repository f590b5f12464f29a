import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { addAbortSignal } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Command, Option } from 'commander';
import { z } from 'zod';
import { parseRestorePointId } from '../../core/model/ids.ts';
import {
  architectureSchema,
  bootModeSchema,
  platformSchema,
  workloadKindSchema,
} from '../../core/model/manifest.ts';
import { type BackupRequest, makeBackupRequest, parseDiskFlags } from '../backup/backup-request.ts';
import { IMAGE_FORMATS } from '../backup/image-format.ts';
import { runBackup } from '../backup/run-backup.ts';
import { parseSourceMachine, type SourceMachine } from '../backup/source-instance.ts';
import { BadRequest } from '../errors.ts';
import { type Host, printJson, printLine, printNotice } from '../host.ts';
import { collect, collectPairs, parseMiB, parseTime } from '../option-values.ts';
import { readFlags, showsProgress } from '../program-flags.ts';
import {
  parseRepositoryLocation,
  REPOSITORY_FLAG,
  REPOSITORY_HELP,
  withStore,
} from '../repository-location.ts';
import { formatBytes } from '../units.ts';

const EXAMPLES = `
Examples:
  # an EC2 instance's disks, with what EC2 says of the instance
  $ aws ec2 describe-instances --instance-ids i-0b1d5e0a7c3f42e11 > instance.json
  $ landfall backup --source-instance instance.json --disk root.img --disk data.img

  # block devices, into a repository that is a folder
  $ landfall backup --kind physical --name db01 --disk root=/dev/sdb --disk data=/dev/sdc --repository /mnt/backups

  # a VMware disk (needs qemu-img)
  $ landfall backup --kind vmware --name app01 --os "Ubuntu 24.04" --boot-mode uefi --disk app01.vmdk

A path that has "=" in it is written with ./ in front. Image formats are told by the file's first bytes,
never by its name. Holes of sparse files are read as zeros, which cost neither room nor requests.`;

const flagShape = {
  disk: z.array(z.string()),
  boot: z.string().optional(),
  format: z.enum(IMAGE_FORMATS).optional(),
  name: z.string().optional(),
  kind: workloadKindSchema.optional(),
  os: z.string().optional(),
  platform: platformSchema.optional(),
  architecture: architectureSchema.optional(),
  bootMode: bootModeSchema.optional(),
  usageOperation: z.string().optional(),
  tag: z.record(z.string(), z.string()).default({}),
  deviceName: z.record(z.string(), z.string()).default({}),
  sourceInstance: z.string().optional(),
  sourceVolumes: z.string().optional(),
  instanceId: z.string().optional(),
  repository: z.string().optional(),
  time: z.date().optional(),
  parent: z.string().default('latest'),
  workFolder: z.string().optional(),
  segmentMib: z.number().optional(),
};
type BackupFlags = z.output<z.ZodObject<typeof flagShape>>;

/** `landfall backup`: disk images and block devices become a restore point. */
export function makeBackupCommand(host: Host): Command {
  return new Command('backup')
    .summary('put disk images or block devices into a repository')
    .description('Puts the disks of a machine into a repository, as one restore point.')
    .requiredOption(
      '--disk <[id=]path>',
      'raw file, block device, or qcow2/vmdk/vhdx/vhd; once per disk',
      collect,
    )
    .option('--boot <id>', 'the disk that the machine boots from; default: the source’s root, else the first')
    .addOption(
      new Option('--format <format>', 'format of the images; default: by first bytes').choices(IMAGE_FORMATS),
    )
    .option('--name <name>', 'the machine’s name; default: the source instance’s')
    .addOption(
      new Option('--kind <kind>', 'where the machine comes from').choices(workloadKindSchema.options),
    )
    .option('--os <system>', 'operating system, e.g. "Ubuntu 24.04"')
    .addOption(new Option('--platform <platform>', 'default: linux').choices(platformSchema.options))
    .addOption(new Option('--architecture <name>', 'default: x86_64').choices(architectureSchema.options))
    .addOption(new Option('--boot-mode <mode>', 'how it boots').choices(bootModeSchema.options))
    .option('--usage-operation <code>', 'EC2 billing code, e.g. RunInstances:0002 for Windows')
    .option('--tag <key=value>', 'tag of the machine; may be repeated', collectPairs)
    .option('--device-name <id=/dev/…>', 'device name of a disk; may be repeated', collectPairs)
    .option('--source-instance <file>', 'output of "aws ec2 describe-instances"; - reads stdin')
    .option('--source-volumes <file>', 'output of "aws ec2 describe-volumes": types, IOPS, encryption, tags')
    .option('--instance-id <id>', 'which instance, where the file describes several')
    .option(REPOSITORY_FLAG, REPOSITORY_HELP)
    .option('--time <time>', 'the moment that the disks stand for; default: now', parseTime)
    .option('--parent <none|latest|id>', 'restore point whose unchanged blocks are reused', 'latest')
    .option(
      '--work-folder <folder>',
      'where images are converted to raw; default: the system’s temporary folder',
    )
    .addOption(new Option('--segment-mib <n>', 'unit of work, for tests').argParser(parseMiB).hideHelp())
    .addHelpText('after', EXAMPLES)
    .action(async (_options, command: Command) => {
      await backup(host, command);
    });
}

async function backup(host: Host, command: Command): Promise<void> {
  const { global, own } = readFlags(command, { host, shape: flagShape });
  const request = await requestOf(host, own);
  for (const note of request.notes) printNotice(host, `Warning: ${note}.`);
  const location = parseRepositoryLocation(own.repository, host.cwd);
  const done = await withStore({ host, flags: global, location }, (store) =>
    runBackup({
      host,
      store,
      request,
      time: own.time ?? new Date(),
      parent: own.parent === 'none' || own.parent === 'latest' ? own.parent : parseRestorePointId(own.parent),
      format: own.format,
      workFolder: own.workFolder === undefined ? undefined : resolve(host.cwd, own.workFolder),
      segmentBytes: own.segmentMib === undefined ? undefined : own.segmentMib * 1024 ** 2,
      showsProgress: showsProgress(global),
    }),
  );
  if (global.json) {
    const { restorePoint, manifest, disks } = done;
    printJson(host, { restorePoint, workload: manifest.workload.name, time: manifest.time, disks });
    return;
  }
  for (const disk of done.disks) {
    const facts = `${formatBytes(disk.sizeBytes)}, ${formatBytes(disk.storedBytes)} stored, ${formatBytes(disk.reusedBytes)} reused`;
    printLine(host, `${disk.id}: ${facts}`);
  }
  printLine(host, done.restorePoint);
}

async function requestOf(host: Host, flags: BackupFlags): Promise<BackupRequest> {
  const machine = await readSourceMachine(host, flags);
  const { boot, name, kind, os, platform, architecture, bootMode, usageOperation } = flags;
  const disks = parseDiskFlags(flags.disk).map((disk) => ({ ...disk, path: resolve(host.cwd, disk.path) }));
  return makeBackupRequest(
    {
      ...{ boot, name, kind, os, platform, architecture, bootMode, usageOperation },
      disks,
      tags: flags.tag,
      deviceNames: flags.deviceName,
    },
    machine,
  );
}

async function readSourceMachine(host: Host, flags: BackupFlags): Promise<SourceMachine | undefined> {
  const { sourceInstance, sourceVolumes, instanceId } = flags;
  if (sourceInstance === undefined) {
    const alone = sourceVolumes === undefined ? instanceId && '--instance-id' : '--source-volumes';
    if (!alone) return undefined;
    throw new BadRequest(`${alone} needs --source-instance`, 'Add --source-instance FILE.');
  }
  return parseSourceMachine({
    instances: await readText(host, { flag: '--source-instance', file: sourceInstance }),
    instancesFrom: sourceInstance === '-' ? 'stdin' : sourceInstance,
    instanceId,
    volumes: sourceVolumes && (await readText(host, { flag: '--source-volumes', file: sourceVolumes })),
    volumesFrom: sourceVolumes,
  });
}

async function readText(host: Host, { flag, file }: { flag: string; file: string }): Promise<string> {
  if (file === '-') return await text(addAbortSignal(host.signal, host.stdin));
  try {
    return await readFile(resolve(host.cwd, file), 'utf8');
  } catch (cause) {
    throw new BadRequest(`${flag} ${file} cannot be read: ${String(cause)}`, 'Check the path.', { cause });
  }
}
