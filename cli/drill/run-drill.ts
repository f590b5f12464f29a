import { relative } from 'node:path';
import type { RestoreRequest } from '../../core/model/request.ts';
import type { Region } from '../../local/region.ts';
import type { BackupRequest } from '../backup/backup-request.ts';
import { type FinishedBackup, runBackup } from '../backup/run-backup.ts';
import { type Connection, makeLocalConnection } from '../connection/connection.ts';
import { startDeployedRegion } from '../connection/local-region.ts';
import { CommandError, NotGood } from '../errors.ts';
import { type Host, printJson, printLine, printNote, printNotice } from '../host.ts';
import { type GlobalFlags, showsProgress } from '../program-flags.ts';
import { makeStore } from '../repository-location.ts';
import { describeFollowed, type RestoreStory } from '../restore/describe-restore.ts';
import { openRecords } from '../restore/find-restore.ts';
import { followRestore } from '../restore/follow.ts';
import { requireRestored, startRestore } from '../restore/start-and-follow.ts';
import { formatBytes, formatDuration } from '../units.ts';
import { compareVolumes, describeComparison, type RestoredVolume } from './compare-volumes.ts';

/** The local region lacks something that a drill relies on. */
export class DrillImpossible extends CommandError {
  override readonly name = 'DrillImpossible';
}

export interface Drill {
  readonly host: Host;
  readonly flags: GlobalFlags;
  /** Folder of the drill's own region. */
  readonly folder: string;
  /** The machine; its disks are raw files or block devices. */
  readonly request: BackupRequest;
  readonly strategy: RestoreRequest['strategy'];
  /** How much a helper reads back; default: the request's own. */
  readonly readBack?: RestoreRequest['helper']['readBack'];
  /** Unit of work; default: the repository's own. */
  readonly segmentBytes?: number;
  /** Factor on the region's durations. */
  readonly timeScale: number;
  readonly waitMs?: number;
}

/**
 * Backs a machine up into the repository of a local region, restores it there, and has a separate process compare
 * every restored volume with its source. @throws NotGood when anything differs, RestoreFailed
 */
export async function runDrill(drill: Drill): Promise<void> {
  const { host, flags, folder, timeScale, waitMs } = drill;
  const region = await startDeployedRegion(host, { stateFolder: folder, port: 0, timeScale, waitMs });
  const connection = makeLocalConnection(drill, {
    endpoint: region.endpoint,
    runsHere: true,
    description: `a local region of its own at ${region.endpoint} (state in ${folder}); no AWS is involved`,
    close: () => region.stop(),
  });
  try {
    printNotice(host, `Talking to ${connection.description}.`);
    printNote(
      host,
      `Its time runs at ${timeScale} of AWS's: the durations below are this machine's, not AWS's.`,
    );
    const backup = await backUpMachine(drill, connection);
    const story = await restoreMachine(drill, { connection, backup });
    if (!flags.json) for (const line of ['', ...describeFollowed(story), '']) printLine(host, line);
    requireRestored(story);
    noteChecks(host, story);
    await checkVolumes(drill, { region, story });
  } finally {
    await connection.close();
  }
}

/** A drill judges by the volumes: nothing boots in a local region, whose status checks look for a boot sector only. */
function noteChecks(host: Host, { result }: RestoreStory): void {
  const problem = result?.instance?.startProblem;
  if (problem === undefined) return;
  printNotice(host, `Note: the machine did not start as it should: ${problem}. The comparison decides.`);
}

async function backUpMachine(drill: Drill, connection: Connection): Promise<FinishedBackup> {
  const { host, flags, request } = drill;
  const startedAt = performance.now();
  const backup = await runBackup({
    host,
    store: await makeStore(connection, { kind: 'stack' }),
    request,
    time: new Date(),
    parent: 'latest',
    format: 'raw',
    segmentBytes: drill.segmentBytes,
    showsProgress: showsProgress(flags),
  });
  const seconds = (performance.now() - startedAt) / 1000;
  if (flags.json) {
    printJson(host, {
      event: 'backedUp',
      seconds,
      restorePoint: backup.restorePoint,
      disks: backup.disks,
    });
    return backup;
  }
  const sum = (of: 'sizeBytes' | 'storedBytes') => backup.disks.reduce((total, disk) => total + disk[of], 0);
  printLine(
    host,
    `Backed up ${request.workload.name} in ${formatDuration(seconds)}: ${backup.disks.length} disks,`,
  );
  printLine(
    host,
    `${formatBytes(sum('sizeBytes'))}, ${formatBytes(sum('storedBytes'))} stored: ${backup.restorePoint}`,
  );
  return backup;
}

async function restoreMachine(
  { host, flags, request, strategy, readBack }: Drill,
  { connection, backup }: { connection: Connection; backup: FinishedBackup },
): Promise<RestoreStory> {
  const records = await openRecords(connection);
  const input = {
    restorePoint: backup.restorePoint,
    strategy,
    ...(readBack === undefined ? {} : { helper: { readBack } }),
    // The source's subnet is somewhere on AWS; its type is known there too, where the source is an instance.
    target: {
      subnetId: await anySubnet(connection),
      ...(request.workload.source?.instanceType === undefined ? { instanceType: DEFAULT_TYPE } : {}),
    },
    reason: 'landfall drill',
  };
  const started = await startRestore(connection, { records, input });
  if (flags.json) printJson(host, { event: 'started', ...started });
  else printNote(host, `Restore ${started.restoreId} is under way.`);
  return await followRestore({
    ...started,
    connection,
    records,
    host,
    json: flags.json,
    showsProgress: showsProgress(flags),
  });
}

const DEFAULT_TYPE = 't3.medium';

async function anySubnet(connection: Connection): Promise<string> {
  const [subnet] = await (await connection.ec2()).defaultSubnets();
  if (subnet !== undefined) return subnet;
  throw new DrillImpossible('the local region has no default subnet', 'Run the drill without --keep.');
}

async function checkVolumes(
  { host, flags, request, folder }: Drill,
  { region, story }: { region: Region; story: RestoreStory },
): Promise<void> {
  const { result } = story;
  printNote(host, 'Comparing the restored volumes with their sources, in processes of their own…');
  const restored = request.disks.map(({ id: diskId, path: source }): RestoredVolume => {
    const volumeId = result?.volumes.find((volume) => volume.diskId === diskId)?.volumeId;
    const file = volumeId && region.services.ec2.volumeFile(volumeId);
    if (!volumeId || !file) throw new NotGood(`disk ${diskId} has no restored volume`, SHOW);
    return { diskId, volumeId, source, file };
  });
  const compared = await compareVolumes(restored, host.signal);
  if (flags.json) printJson(host, { event: 'compared', instance: result?.instance, volumes: compared });
  else for (const line of compared.flatMap(describeComparison)) printLine(host, line);
  const different = compared.filter(({ equal }) => !equal);
  if (different.length > 0) {
    const names = different.map(({ diskId, problem }) => `${diskId}: ${problem}`).join('; ');
    throw new NotGood(`restored volumes differ from their sources: ${names}`, SHOW);
  }
  if (flags.json) return;
  const all =
    compared.length === 1
      ? 'The volume equals its source'
      : `All ${compared.length} volumes equal their sources`;
  printLine(host, `${all}, and no storage is shared.`);
  const near = relative(host.cwd, folder);
  const where = near.startsWith('..') ? folder : near;
  printLine(host, 'The machine stays until the next drill. This serves it to the AWS CLI and to landfall:');
  printLine(host, `  npx landfall local --state-folder ${where}`);
}

const SHOW =
  'The region stays as it is until the next drill; "landfall local" on its state folder serves it.';
