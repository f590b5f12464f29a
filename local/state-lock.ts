import { chmod, link, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
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
  await makePrivateFolder(stateFolder);
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

/** Disks, objects and calls are in it: a new one is for its owner alone; one that is there stays as its owner made it. */
async function makePrivateFolder(folder: string): Promise<void> {
  const made = await mkdir(folder, { recursive: true, mode: 0o700 });
  // The mode goes through the umask and may have lost bits that the owner needs.
  if (made !== undefined) await chmod(folder, 0o700);
}

async function takeLock(path: string, stateFolder: string): Promise<void> {
  const owner = await readLock(path);
  if (owner && (await isAtWork(owner))) throw inUse(owner, stateFolder);
  if (owner) await removeStaleLock(path, stateFolder);
  const fresh = `${path}.${process.pid}.new`;
  await writeFile(fresh, JSON.stringify({ pid: process.pid } satisfies LockContent));
  try {
    // Linking fails where there is a lock, and shows a new one with its content or not at all.
    await link(fresh, path);
  } catch (error) {
    if (!isErrorCode(error, 'EEXIST')) throw error;
    throw new StateFolderInUse(`another region is just starting on ${stateFolder}`);
  } finally {
    await rm(fresh, { force: true });
  }
}

function inUse(owner: LockContent, stateFolder: string): StateFolderInUse {
  const where = owner.endpoint === undefined ? '' : ` at ${owner.endpoint}`;
  return new StateFolderInUse(
    `process ${owner.pid} runs a region${where} on ${stateFolder}; stop it first, or choose another state folder`,
  );
}

/**
 * Moves the lock aside before it goes: of two that found the same stale lock, the slower one may be holding the
 * quicker one's fresh lock by now, and gives it back.
 */
async function removeStaleLock(path: string, stateFolder: string): Promise<void> {
  const aside = `${path}.${process.pid}.stale`;
  try {
    await rename(path, aside);
  } catch (error) {
    // Another one that starts has moved it already.
    if (isErrorCode(error, 'ENOENT')) return;
    throw error;
  }
  const moved = await readLock(aside);
  if (moved && (await isAtWork(moved))) {
    await rename(aside, path);
    throw inUse(moved, stateFolder);
  }
  await rm(aside, { force: true });
}

/** A region announces its endpoint within seconds of taking the lock; one that has not by then never will. */
const STARTING_MS = 60_000;

/**
 * Whether a lock's owner is a region at work. Its process id alone does not tell: after a crash, or a start of
 * the machine, another program may have it.
 */
async function isAtWork(owner: LockContent & { readonly taken: number }): Promise<boolean> {
  if (owner.pid === process.pid || !isAlive(owner.pid)) return false;
  if (owner.endpoint === undefined) return Date.now() - owner.taken < STARTING_MS;
  return (await askHealth(owner.endpoint, owner.pid)) !== 'not there';
}

/**
 * The region that runs on a state folder, if one does and has got as far as listening.
 * Asks the region itself, since a process id may have been given to another program after a crash.
 */
export async function findRunningRegion(stateFolder: string): Promise<RunningRegion | undefined> {
  const owner = await readLock(join(resolve(stateFolder), LOCK_FILE));
  if (owner?.endpoint === undefined || !isAlive(owner.pid)) return undefined;
  const { endpoint, pid } = owner;
  return (await askHealth(endpoint, pid)) === 'there' ? { endpoint, pid } : undefined;
}

const HEALTH_TIMEOUT_MS = 5_000;

/** `silent`: something listens and does not answer in time, perhaps a region that is very busy. */
async function askHealth(endpoint: string, pid: number): Promise<'there' | 'not there' | 'silent'> {
  try {
    const answer = await fetch(`${endpoint}/_landfall/health`, {
      signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS),
    });
    const health: unknown = await answer.json();
    const isIt = typeof health === 'object' && health !== null && 'pid' in health && health.pid === pid;
    return isIt ? 'there' : 'not there';
  } catch (error) {
    return error instanceof Error && error.name === 'TimeoutError' ? 'silent' : 'not there';
  }
}

/** undefined when there is no lock; a lock that cannot be understood belongs to nobody alive (pid 0). */
async function readLock(path: string): Promise<(LockContent & { readonly taken: number }) | undefined> {
  let text: string;
  let taken: number;
  try {
    text = await readFile(path, 'utf8');
    taken = (await stat(path)).mtimeMs;
  } catch (error) {
    if (isErrorCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  const nobody = { pid: 0, taken };
  try {
    const content: unknown = JSON.parse(text);
    if (typeof content !== 'object' || content === null || !('pid' in content)) return nobody;
    const endpoint =
      'endpoint' in content && typeof content.endpoint === 'string' ? content.endpoint : undefined;
    return { pid: Number(content.pid), taken, ...(endpoint === undefined ? {} : { endpoint }) };
  } catch {
    return nobody;
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
