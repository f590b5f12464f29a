import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BLOCK_BYTES } from '../ec2/block-map.ts';
import type { DirectSnapshots } from '../ec2/direct-snapshots.ts';
import { GIB_BYTES } from '../ec2/disks.ts';
import type { RegionTime } from '../service.ts';
import { type OpenSnapshot, openSnapshot } from './open-snapshot.ts';

export const BLOCKS_PER_GIB = GIB_BYTES / BLOCK_BYTES;

export interface OpenSnapshots {
  /** Opens a snapshot that EC2 has just made, and gives it up when it is left alone for too long. */
  add(snapshotId: string): void;
  /** undefined when the snapshot takes no blocks: it is complete, gone, failed, or not of our making. */
  get(snapshotId: string): Promise<OpenSnapshot | undefined>;
  /** Lets go of a snapshot that takes no more blocks. */
  drop(snapshotId: string): Promise<void>;
  /** Lets go of all; what they were given is there at the next start. */
  stop(): Promise<void>;
}

export interface OpenSnapshotsParts {
  readonly snapshots: DirectSnapshots;
  readonly time: RegionTime;
  /** Factor on simulated durations. */
  readonly timeScale: number;
  /** Where the digests of open snapshots lie. */
  readonly folder: string;
}

/** Takes up again what was open when the region stopped; the time that a snapshot may be left alone begins anew. */
export async function openSnapshots(parts: OpenSnapshotsParts): Promise<OpenSnapshots> {
  const { snapshots, time, timeScale, folder } = parts;
  await mkdir(folder, { recursive: true });
  await removeOrphans(snapshots, folder);
  const opened = new Map<string, Promise<OpenSnapshot | undefined>>();

  function isOpen(snapshotId: string): boolean {
    const snapshot = snapshots.find(snapshotId);
    return snapshot?.state === 'pending' && snapshot.direct !== undefined && !snapshot.direct.sealed;
  }

  async function drop(snapshotId: string): Promise<void> {
    const open = opened.get(snapshotId);
    opened.delete(snapshotId);
    await (await open)?.release('delete');
  }

  /** EC2 deletes snapshots, and fault rules fail them, without telling: theirs are let go of at the next occasion. */
  function dropClosed(): void {
    for (const id of opened.keys()) if (!isOpen(id)) void drop(id);
  }

  async function giveUpIfLeftAlone(snapshotId: string): Promise<void> {
    const snapshot = await opened.get(snapshotId);
    const timeoutMinutes = snapshots.find(snapshotId)?.direct?.timeoutMinutes;
    if (!snapshot || timeoutMinutes === undefined || !isOpen(snapshotId)) {
      await drop(snapshotId);
      return;
    }
    const idleSeconds = (time.now().getTime() - snapshot.lastUsed.getTime()) / 1000 / timeScale;
    const leftSeconds = timeoutMinutes * 60 - idleSeconds;
    if (leftSeconds > 0) {
      watch(snapshotId, leftSeconds);
      return;
    }
    snapshots.fail(snapshotId, `The snapshot was not completed within ${timeoutMinutes} minutes.`);
    await drop(snapshotId);
  }

  function watch(snapshotId: string, seconds: number): void {
    time.after(seconds, () => void giveUpIfLeftAlone(snapshotId));
  }

  function add(snapshotId: string): void {
    dropClosed();
    const snapshot = snapshots.find(snapshotId);
    if (!snapshot?.direct || opened.has(snapshotId)) return;
    const files = {
      image: snapshots.file(snapshotId),
      digests: join(folder, `${snapshotId}.digests`),
      blocks: snapshot.sizeGiB * BLOCKS_PER_GIB,
    };
    const open = openSnapshot(files, () => time.now()).catch((error: unknown) => {
      snapshots.fail(snapshotId, String(error));
      return undefined;
    });
    opened.set(snapshotId, open);
    watch(snapshotId, snapshot.direct.timeoutMinutes * 60);
  }

  for (const snapshot of snapshots.open()) add(snapshot.id);
  return {
    add,
    get: async (snapshotId) => (isOpen(snapshotId) ? opened.get(snapshotId) : undefined),
    drop,
    async stop() {
      const all = [...opened.values()];
      opened.clear();
      await Promise.all(all.map(async (open) => (await open)?.release('keep')));
    },
  };
}

/** Digests of snapshots that went away, or were closed, at a moment when the region was cut off. */
async function removeOrphans(snapshots: DirectSnapshots, folder: string): Promise<void> {
  const wanted = new Set(snapshots.open().map((snapshot) => `${snapshot.id}.digests`));
  for (const name of await readdir(folder)) {
    if (!wanted.has(name)) await rm(join(folder, name), { force: true });
  }
}
