import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { DiskFlag } from '../backup/backup-request.ts';
import { openDiskImage } from '../backup/disk-image.ts';
import { type Host, printNote } from '../host.ts';

export interface RawDisk extends DiskFlag {
  readonly sizeBytes: number;
}

/**
 * The disks as raw files or block devices: an image in another format is converted into the folder, so that there
 * is something to compare the restored volume with.
 */
export async function rawDisks(
  host: Host,
  { disks, folder }: { disks: readonly DiskFlag[]; folder: string },
): Promise<RawDisk[]> {
  await mkdir(folder, { recursive: true });
  const raw: RawDisk[] = [];
  for (const disk of disks) {
    const image = await openDiskImage({
      path: disk.path,
      keepAs: join(folder, `${disk.id}.raw`),
      env: host.env,
      signal: host.signal,
      onConvert: (format) => printNote(host, `Converting ${disk.path} from ${format} with qemu-img…`),
    });
    await image.close();
    raw.push({ ...disk, path: image.rawPath, sizeBytes: image.source.size });
  }
  return raw;
}
