import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/** A region at work on a state folder, as its lock file tells. */
export interface RunningRegion {
  readonly endpoint: string;
  readonly pid: number;
}

export class StateFolderInUse extends Error {
  override readonly name = 'StateFolderInUse';
}

export interface StateLock {
  /** Writes into the lock where the region can be reached. */
  announce(endpoint: string): Promise<void>;
  release(): Promise<void>;
}

/** What the lock file holds; the endpoint is there once the region listens. */
interface LockContent {
  readonly pid: number;
  readonly endpoint?: string;
}

const LOCK_FILE = 'region.json';

/** Folders locked by this process: its own pid in a lock would otherwise look like a running owner or a stale one. */
const lockedHere = new Set<string>();

/**
 * Makes this process the only region on a state folder. A lock whose process is gone (a crash) is taken over.
 * @throws StateFolderInUse
 */
export async function lockStateFolder(stateFolder: string): Promise<StateLock> {
  await mkdir(stateFolder, { recursive: true });
  const path = join(resolve(stateFolder), LOCK_FILE);
  if (lockedHere.has(path))
    throw new StateFolderInUse(`this process already runs a region on ${stateFolder}`);
  lockedHere.add(path);
  try {
    await takeLock(path, stateFolder);
  } catch (error) {
    lockedHere.delete(path);
    throw error;
  }
  return {
    announce: async (endpoint) => {
      // By rename, so that whoever looks for a running region never reads half a file.
      await writeFile(`${path}.new`, JSON.stringify({ pid: process.pid, endpoint } satisfies LockContent));
      await rename(`${path}.new`, path);
    },
    release: async () => {
      await rm(path, { force: true });
      lockedHere.delete(path);
    },
  };
}

async function takeLock(path: string, stateFolder: string): Promise<void> {
  const owner = await readLock(path);
  if (owner && owner.pid !== process.pid && isAlive(owner.pid)) {
    const where = owner.endpoint === undefined ? '' : ` at ${owner.endpoint}`;
    throw new StateFolderInUse(
      `process ${owner.pid} runs a region${where} on ${stateFolder}; stop it first, or choose another state folder`,
    );
  }
  if (owner !== undefined) await rm(path, { force: true });
  try {
    const handle = await open(path, 'wx');
    await handle.writeFile(JSON.stringify({ pid: process.pid } satisfies LockContent));
    await handle.close();
  } catch (error) {
    if (isErrorCode(error, 'EEXIST')) {
      throw new StateFolderInUse(`another region is just starting on ${stateFolder}`);
    }
    throw error;
  }
}

/**
 * The region that runs on a state folder, if one does and has got as far as listening.
 * Asks the region itself, since a process id may have been given to another program after a crash.
 */
export async function findRunningRegion(stateFolder: string): Promise<RunningRegion | undefined> {
  const owner = await readLock(join(resolve(stateFolder), LOCK_FILE));
  if (owner?.endpoint === undefined || !isAlive(owner.pid)) return undefined;
  try {
    const answer = await fetch(`${owner.endpoint}/_landfall/health`, { signal: AbortSignal.timeout(2_000) });
    if (!answer.ok) return undefined;
    const health: unknown = await answer.json();
    const isOurs =
      typeof health === 'object' && health !== null && 'pid' in health && health.pid === owner.pid;
    return isOurs ? { endpoint: owner.endpoint, pid: owner.pid } : undefined;
  } catch {
    return undefined;
  }
}

/** undefined when there is no lock; a lock that cannot be understood belongs to nobody alive (pid 0). */
async function readLock(path: string): Promise<LockContent | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isErrorCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  try {
    const content: unknown = JSON.parse(text);
    if (typeof content !== 'object' || content === null || !('pid' in content)) return { pid: 0 };
    const endpoint =
      'endpoint' in content && typeof content.endpoint === 'string' ? content.endpoint : undefined;
    return { pid: Number(content.pid), ...(endpoint === undefined ? {} : { endpoint }) };
  } catch {
    return { pid: 0 };
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there, it is another user's.
    return isErrorCode(error, 'EPERM');
  }
}

function isErrorCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
