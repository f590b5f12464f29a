import { Command } from 'commander';
import { z } from 'zod';
import { parseRestorePointId } from '../../core/model/ids.ts';
import {
  CorruptObject,
  type Finding,
  openRepository,
  type Repository,
  type Store,
  type VerifyProgress,
  verify,
} from '../../core/repository/index.ts';
import { NotGood } from '../errors.ts';
import { type Host, printJson, printLine } from '../host.ts';
import { readFlags, showsProgress } from '../program-flags.ts';
import { makeProgressDisplay } from '../progress/display.ts';
import { makeRateMeter } from '../progress/rate.ts';
import {
  parseRepositoryLocation,
  REPOSITORY_FLAG,
  REPOSITORY_HELP,
  withStore,
} from '../repository-location.ts';
import { formatBytes, formatCount } from '../units.ts';

const EXAMPLES = `
Examples:
  $ landfall verify
  $ landfall verify --quick --repository /mnt/backups
  $ landfall verify --id rp-20260115T080000Z-… --json

Ends with 1 when anything is damaged or missing; every finding names the object and, where there is one, the
restore point, the disk and the offset.`;

const MEND_BLOCKS =
  'Back up again with --parent none, which stores everything anew; restore points named here restore only in part.';
const MEND_FORMAT =
  'Nothing is restored while landfall.json is damaged: move it away, and the next backup writes it anew.';

const flagShape = {
  id: z.string().optional(),
  quick: z.boolean().default(false),
  repository: z.string().optional(),
};

/** `landfall verify`: reads a repository and tells what is damaged. */
export function makeVerifyCommand(host: Host): Command {
  return new Command('verify')
    .summary('check a repository, or one restore point, for damage')
    .description('Reads a repository and checks every byte of it against its digests.')
    .option('--id <id>', 'only what this restore point needs')
    .option('--quick', 'check the tables of packs, not the data in them')
    .option(REPOSITORY_FLAG, REPOSITORY_HELP)
    .addHelpText('after', EXAMPLES)
    .action(async (_options, command: Command) => {
      const { global, own } = readFlags(command, { host, shape: flagShape });
      const restorePoint = own.id === undefined ? undefined : parseRestorePointId(own.id);
      const location = parseRepositoryLocation(own.repository, host.cwd);
      await withStore({ host, flags: global, location }, async (store) => {
        const repository = await openDamaged(store);
        const progress = makeVerifyDisplay(host, showsProgress(global));
        const result = await verify(repository, {
          restorePoint,
          readData: !own.quick,
          signal: host.signal,
          onProgress: progress.show,
        }).finally(progress.end);
        const read = `${formatCount(result.objects, 'object')}, ${formatBytes(result.bytes)} read`;
        if (global.json) printJson(host, { url: repository.url, ...result });
        else if (result.findings.length === 0)
          printLine(host, `Verified ${repository.url}: ${read}, nothing wrong.`);
        else for (const finding of result.findings) printLine(host, describeDamage(finding));
        if (result.findings.length === 0) return;
        throw new NotGood(
          `${formatCount(result.findings.length, 'finding')} in ${repository.url} (${read})`,
          result.findings.some(({ object }) => object === 'landfall.json') ? MEND_FORMAT : MEND_BLOCKS,
        );
      });
    });
}

/**
 * A repository whose landfall.json is damaged is looked at all the same: that is a finding as any other, and what
 * else there is may be whole. @throws RepositoryNotFound, UnsupportedRepository
 */
async function openDamaged(store: Store): Promise<Repository> {
  try {
    return await openRepository(store);
  } catch (error) {
    if (error instanceof CorruptObject) return { store, url: store.url };
    throw error;
  }
}

/** `object packs/…: digest is wrong (restore point rp-…, workload web01, disk root, offset 1048576, 3 blocks)`. */
function describeDamage(finding: Finding): string {
  const { object, problem, restorePoint, workload, diskId, offset, blocks } = finding;
  const place = [
    restorePoint && `restore point ${restorePoint}`,
    workload && `workload ${workload}`,
    diskId && `disk ${diskId}`,
    offset !== undefined && `offset ${offset}`,
    blocks !== undefined && formatCount(blocks, 'block'),
  ].filter(Boolean);
  return `object ${object}: ${problem}${place.length > 0 ? ` (${place.join(', ')})` : ''}`;
}

function makeVerifyDisplay(host: Host, enabled: boolean) {
  const display = makeProgressDisplay({ sink: host.stderr, enabled });
  const meter = makeRateMeter();
  return {
    show({ objects, bytes, totalBytes }: VerifyProgress) {
      const rate = meter.note({ seconds: performance.now() / 1000, doneBytes: bytes, totalBytes });
      const note = formatCount(objects, 'object');
      display.show([{ label: 'repository', phase: 'verify', doneBytes: bytes, totalBytes, ...rate, note }]);
    },
    end: () => display.end(),
  };
}
