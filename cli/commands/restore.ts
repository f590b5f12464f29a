import { resolve } from 'node:path';
import { Command } from 'commander';
import { z } from 'zod';
import { BadRequest } from '../errors.ts';
import { type Host, printJson, printLine } from '../host.ts';
import { type GlobalFlags, readFlags, showsProgress } from '../program-flags.ts';
import { parseRepositoryLocation, withRepository } from '../repository-location.ts';
import { makeRestoreRequest, mayUseHelper } from '../restore/request-flags.ts';
import {
  addRequestOptions,
  helperShape,
  pointShape,
  readRequestFile,
  requestShape,
  requireRepositoryInS3,
} from '../restore/request-options.ts';
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

  # a copy beside the original, without one of its disks, of whichever type EC2 has room for
  $ landfall restore --workload web01 --name-suffix -copy --exclude-disk scratch \\
      --instance-type m7i.large --instance-type m6i.large --subnet subnet-0b9c8d7e6f5a41302

  # no instance, only its volumes, in a zone
  $ landfall restore --workload web01 --volumes-only --zone us-east-1b

  # back onto the machine itself, which keeps its id and addresses; its volumes are exchanged
  $ landfall restore --workload web01 --original

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

const flagShape = {
  ...toShape,
  ...requestShape,
  ...pointShape,
  wait: z.boolean().default(true),
};
type RestoreFlags = z.output<z.ZodObject<typeof flagShape>>;

/** `landfall restore`: a restore point becomes an EC2 instance, or a disk of it a file or device. */
export function makeRestoreCommand(host: Host): Command {
  const command = new Command('restore')
    .summary('restore a machine to EC2 and follow it, or a disk to a file or device')
    .description(
      'Restores a machine to EC2 and follows it; with --to, one disk to a file or device of this machine.',
    );
  return addRequestOptions(command)
    .optionsGroup('To EC2:')
    .option('--no-wait', 'start the restore and do not follow it')
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
  requireRepositoryInS3(own.repository, host);
  const file = await readRequestFile(own.request, host);
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
