import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Devices, FoundDevice } from './devices.ts';

/** A folder of links, named by serial, to files that stand for devices: how the local region attaches volumes. */
export function makeLinkedDevices(folder: string): Devices {
  return {
    place: folder,
    async list() {
      const names = (await readdir(folder)).filter((name) => /^vol[0-9a-f]+$/.test(name)).sort();
      const found = await Promise.all(names.map((name) => describe(folder, name)));
      return found.filter((device) => device !== undefined);
    },
  };
}

async function describe(folder: string, serial: string): Promise<FoundDevice | undefined> {
  try {
    const path = await realpath(join(folder, serial));
    const stats = await stat(path);
    if (!stats.isFile()) return undefined;
    return { serial, path, sizeBytes: stats.size, numbers: undefined, usedBy: [] };
  } catch (error) {
    // A link that leads nowhere, or that has been taken away just now.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
