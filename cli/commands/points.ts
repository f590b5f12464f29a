import { Command } from 'commander';
import { z } from 'zod';
import { parseRestorePointId, parseWorkloadName, type RestorePointId } from '../../core/model/ids.ts';
import type { Manifest } from '../../core/model/manifest.ts';
import {
  BLOCK_BYTES,
  listRestorePoints,
  type Repository,
  type RestorePointEntry,
  readManifest,
} from '../../core/repository/index.ts';
import { type Host, printJson, printLine } from '../host.ts';
import { readFlags } from '../program-flags.ts';
import {
  parseRepositoryLocation,
  REPOSITORY_FLAG,
  REPOSITORY_HELP,
  withRepository,
} from '../repository-location.ts';
import { renderTable } from '../table.ts';
import { formatBytes } from '../units.ts';

const EXAMPLES = `
Examples:
  $ landfall points
  $ landfall points --workload web01 --repository s3://backups/prod
  $ landfall points --id rp-20260115T080000Z-… --json`;

const flagShape = {
  workload: z.string().optional(),
  id: z.string().optional(),
  repository: z.string().optional(),
};

/** `landfall points`: what there is to restore. */
export function makePointsCommand(host: Host): Command {
  return new Command('points')
    .summary('list restore points, or show one')
    .description('Lists the restore points of a repository, oldest first, or shows one of them.')
    .option('--workload <name>', 'of this machine only')
    .option('--id <id>', 'show this restore point: machine, disks, sizes')
    .option(REPOSITORY_FLAG, REPOSITORY_HELP)
    .addHelpText('after', EXAMPLES)
    .action(async (_options, command: Command) => {
      const { global, own } = readFlags(command, { host, shape: flagShape });
      const id = own.id === undefined ? undefined : parseRestorePointId(own.id);
      const workload = own.workload === undefined ? undefined : parseWorkloadName(own.workload);
      const location = parseRepositoryLocation(own.repository, host.cwd);
      await withRepository({ host, flags: global, location }, async (repository) => {
        if (id !== undefined) {
          const manifest = await readManifest(repository, id);
          if (global.json) printJson(host, { id, ...manifest });
          else printPoint(host, id, manifest);
          return;
        }
        const entries: RestorePointEntry[] = [];
        const found = listRestorePoints(repository, { workload, signal: host.signal });
        for await (const entry of found) entries.push(entry);
        if (global.json) printJson(host, entries);
        else printList(host, { repository, entries });
      });
    });
}

function printList(
  host: Host,
  { repository, entries }: { repository: Repository; entries: readonly RestorePointEntry[] },
): void {
  if (entries.length === 0) {
    printLine(host, `No restore points in ${repository.url}.`);
    return;
  }
  const rows = entries.map(({ id, workload, time }) => [
    workload,
    time.toISOString().replace('.000', ''),
    id,
  ]);
  for (const line of renderTable(['WORKLOAD', 'TIME', 'RESTORE POINT'], rows)) printLine(host, line);
}

function printPoint(host: Host, id: RestorePointId, manifest: Manifest): void {
  const { workload, time, parent, disks } = manifest;
  const facts: [string, string | undefined][] = [
    ['restore point', id],
    ['workload', workload.name],
    ['time', time],
    ['kind', workload.kind],
    [
      'system',
      [workload.operatingSystem, workload.platform, workload.architecture].filter(Boolean).join(', '),
    ],
    ['boot mode', workload.bootMode],
    ['source instance', workload.source?.instanceId],
    ['instance type', workload.source?.instanceType],
    ['parent', parent],
  ];
  for (const [name, value] of facts) {
    if (value !== undefined) printLine(host, `${name.padEnd(16)} ${value}`);
  }
  const rows = disks.map(({ id: diskId, size, boot, deviceName, writtenBlocks, volume }) => [
    diskId,
    `${formatBytes(size)} (${size})`,
    formatBytes(Math.min(size, writtenBlocks * BLOCK_BYTES)),
    boot ? 'boot' : '',
    deviceName ?? '',
    [
      volume?.volumeType,
      volume?.iops && `${volume.iops} IOPS`,
      volume?.throughput && `${volume.throughput} MiB/s`,
    ]
      .filter(Boolean)
      .join(' '),
  ]);
  printLine(host);
  for (const line of renderTable(['DISK', 'SIZE', 'WITH DATA', 'BOOT', 'DEVICE', 'VOLUME'], rows))
    printLine(host, line);
}
