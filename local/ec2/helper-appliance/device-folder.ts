import { mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** A volume as the guest finds it: its NVMe serial is its id without the dash. */
export const serialOf = (volumeId: string): string => volumeId.replace('-', '');

/**
 * Makes a folder hold a link for each of these volumes, named by serial, and no other. At once: what was detached
 * is out of sight before EC2 answers.
 */
export function linkDevices(folder: string, files: ReadonlyMap<string, string>): void {
  mkdirSync(folder, { recursive: true });
  const wanted = new Map([...files].map(([volumeId, file]) => [serialOf(volumeId), file]));
  const present = new Set(readdirSync(folder));
  for (const name of present) if (!wanted.has(name)) rmSync(join(folder, name), { force: true });
  for (const [name, file] of wanted) if (!present.has(name)) symlinkSync(file, join(folder, name));
}

/** Whether a process has the file open; where the system does not tell (it does on Linux), it has not. */
export async function hasOpen(pid: number, file: string): Promise<boolean> {
  const wanted = await stat(file).catch(() => undefined);
  if (!wanted) return false;
  const folder = `/proc/${pid}/fd`;
  const descriptors = await readdir(folder).catch(() => []);
  for (const descriptor of descriptors) {
    // Closed in between, perhaps: then it is none of ours.
    const found = await stat(join(folder, descriptor)).catch(() => undefined);
    if (found?.dev === wanted.dev && found.ino === wanted.ino) return true;
  }
  return false;
}
