import { parseDiskId, type RestorePointId } from '../../core/model/ids.ts';
import type { Manifest } from '../../core/model/manifest.ts';
import {
  openDisk,
  type Repository,
  type RestoreProgress,
  readManifest,
  restoreDisk,
} from '../../core/repository/index.ts';
import { namingFullDisk } from '../disk-full.ts';
import { BadRequest } from '../errors.ts';
import type { Host } from '../host.ts';
import { makeProgressDisplay } from '../progress/display.ts';
import { makeRateMeter } from '../progress/rate.ts';
import { openRestoreTarget } from './restore-target.ts';

export interface DiskRestore {
  readonly host: Host;
  readonly repository: Repository;
  readonly id: RestorePointId;
  /** May be left out where the restore point has one disk only. */
  readonly diskId?: string;
  /** File or block device. */
  readonly path: string;
  readonly overwrite: boolean;
  readonly showsProgress: boolean;
}

export interface RestoredDisk {
  readonly restorePoint: RestorePointId;
  readonly diskId: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly writtenBytes: number;
  readonly zeroedBytes: number;
}

/**
 * Writes one disk of a restore point onto a file or device of this machine; no EC2 is involved.
 * @throws BadRequest, TargetNotBlank, TargetTooSmall before anything is written; CorruptBlock, DiskFull and others, after
 * which a file that was made is gone again
 */
export async function restoreDiskTo(restore: DiskRestore): Promise<RestoredDisk> {
  const { host, repository, id, path, overwrite } = restore;
  const manifest = await readManifest(repository, id);
  const diskId = parseDiskId(restore.diskId ?? onlyDisk(id, manifest));
  const reader = await openDisk(repository, { id, manifest, diskId });
  const target = await openRestoreTarget({ path, sizeBytes: reader.size, overwrite });
  const display = makeProgressDisplay({ sink: host.stderr, enabled: restore.showsProgress });
  const meter = makeRateMeter();
  try {
    const options = {
      zeroRanges: !target.isBlank,
      signal: host.signal,
      onProgress({ doneBytes, sizeBytes: totalBytes }: RestoreProgress) {
        const rate = meter.note({ seconds: performance.now() / 1000, doneBytes, totalBytes });
        display.show([{ label: diskId, phase: 'restore', doneBytes, totalBytes, ...rate }]);
      },
    };
    const written = await namingFullDisk(path, () => restoreDisk(reader, target, options));
    await target.close();
    return { restorePoint: id, diskId, path, sizeBytes: reader.size, ...written };
  } catch (error) {
    await target.abandon();
    throw error;
  } finally {
    display.end();
  }
}

function onlyDisk(id: RestorePointId, { disks }: Manifest): string {
  const [disk, another] = disks;
  if (disk !== undefined && another === undefined) return disk.id;
  throw new BadRequest(
    `restore point ${id} has ${disks.length} disks: ${disks.map((each) => each.id).join(', ')}`,
    'Say which one with --disk ID.',
  );
}
