import type { RestorePointId } from '../../core/model/ids.ts';
import type { Manifest } from '../../core/model/manifest.ts';
import {
  type BackupDisk,
  type BackupProgress,
  backUp,
  createRepository,
  type Store,
} from '../../core/repository/index.ts';
import { type Host, printNote, printNotice } from '../host.ts';
import { makeBackupBoard } from '../progress/backup-board.ts';
import { makeProgressDisplay } from '../progress/display.ts';
import type { BackupRequest } from './backup-request.ts';
import { type DiskImage, openDiskImage } from './disk-image.ts';
import type { ImageFormat } from './image-format.ts';

export interface BackupRun {
  readonly host: Host;
  /** Where the repository is, or is to be made. */
  readonly store: Store;
  readonly request: BackupRequest;
  readonly time: Date;
  readonly parent: 'latest' | 'none' | RestorePointId;
  readonly format?: ImageFormat;
  readonly workFolder?: string;
  readonly segmentBytes?: number;
  readonly showsProgress: boolean;
}

export interface FinishedBackup {
  readonly restorePoint: RestorePointId;
  readonly manifest: Manifest;
  readonly disks: readonly (Omit<BackupProgress, 'diskId'> & { readonly id: string })[];
}

/** Opens the disks' images, backs them up with progress on stderr, and closes them whatever happens. */
export async function runBackup(run: BackupRun): Promise<FinishedBackup> {
  const { host, request } = run;
  const images: DiskImage[] = [];
  try {
    const disks: BackupDisk[] = [];
    for (const { path, ...disk } of request.disks) {
      const image = await openDiskImage({
        path,
        format: run.format,
        workFolder: run.workFolder,
        env: host.env,
        signal: host.signal,
        onConvert: (format) => printNote(host, `Converting ${path} from ${format} with qemu-img…`),
      });
      images.push(image);
      disks.push({ ...disk, source: image.source });
    }
    const finished = await backUpWithProgress(run, disks);
    await noteChanges(host, { images, request });
    return finished;
  } finally {
    for (const image of images) await image.close();
  }
}

async function backUpWithProgress(run: BackupRun, disks: BackupDisk[]): Promise<FinishedBackup> {
  const { host, store, request, time, parent, segmentBytes } = run;
  const display = makeProgressDisplay({ sink: host.stderr, enabled: run.showsProgress });
  const board = makeBackupBoard(disks.map(({ id, source }) => ({ id, sizeBytes: source.size })));
  try {
    // Made only now: a backup that is refused leaves no repository behind.
    const { restorePoint, manifest } = await backUp(await createRepository(store), {
      workload: request.workload,
      time,
      disks,
      parent,
      segmentBytes,
      signal: host.signal,
      onProgress(progress) {
        display.show(board.note(progress, performance.now() / 1000));
      },
    });
    return { restorePoint, manifest, disks: board.totals() };
  } finally {
    display.end();
  }
}

async function noteChanges(
  host: Host,
  { images, request }: { images: readonly DiskImage[]; request: BackupRequest },
): Promise<void> {
  for (const [index, image] of images.entries()) {
    if (!(await image.hasChanged())) continue;
    const path = request.disks[index]?.path;
    printNotice(
      host,
      `Warning: ${path} was written to while it was read; the restore point may mix two moments of it.`,
    );
  }
}
