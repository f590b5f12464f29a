import { randomUUID } from 'node:crypto';
import type { Dirent, Stats } from 'node:fs';
import { type FileHandle, link, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  checkKey,
  checkPrefix,
  isKey,
  ObjectNotFound,
  type ObjectRange,
  ObjectTooShort,
  type Store,
  StoreAccessDenied,
  type StoredObject,
  StoreFailed,
} from './store.ts';

// Keys never begin with a dot, so this can be no object and is never listed.
const INCOMING = '.incoming';
const STALE_AFTER_MS = 24 * 3600 * 1000;

/**
 * Objects as files under a folder; their keys are their paths. The folder is made by the first put, for its owner alone. Needs a file system with hard links,
 * which is how exactly one of several conditional puts wins.
 */
export function makeFolderStore({ folder: path }: { folder: string }): Store {
  const folder = resolve(path);
  const url = pathToFileURL(folder).href;
  let prepared: Promise<void> | undefined;
  const prepare = () => {
    prepared ??= prepareIncoming(folder).catch((error: unknown) => {
      prepared = undefined;
      throw error;
    });
    return prepared;
  };
  return {
    url,
    get: (key, { signal, ...range } = {}) =>
      named(url, key, async () => {
        const path = join(folder, checkKey(key));
        signal?.throwIfAborted();
        return readRange(path, { key, url, range });
      }),
    put: (key, bytes, { ifAbsent = false, signal } = {}) =>
      named(url, key, async () => {
        const target = join(folder, checkKey(key));
        signal?.throwIfAborted();
        await prepare();
        return putFile(bytes, { folder, target, ifAbsent });
      }),
    list: (prefix, { startAfter = '', signal } = {}) =>
      listFolder({ folder, url, prefix: checkPrefix(prefix), startAfter, signal }),
    async delete(keys) {
      for (const key of keys) await named(url, key, () => removeFile(join(folder, checkKey(key))));
    },
  };
}

/** Says for every failure of the file system which object it was about. */
async function named<Result>(url: string, key: string, action: () => Promise<Result>): Promise<Result> {
  try {
    return await action();
  } catch (cause) {
    const code = codeOf(cause);
    if (code === undefined) throw cause;
    if (code === 'EACCES' || code === 'EPERM') {
      throw new StoreAccessDenied(`object ${key} in ${url}: not permitted (${code})`, { cause });
    }
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new StoreFailed(`object ${key} in ${url}: ${text}`, { retryable: false, cause });
  }
}

/** The code of an error of the file system. */
function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error && 'syscall' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

async function readRange(
  path: string,
  { key, url, range }: { key: string; url: string; range: ObjectRange },
): Promise<Uint8Array> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    // What lies under a file cannot exist.
    const isAbsent = codeOf(cause) === 'ENOENT' || codeOf(cause) === 'ENOTDIR';
    throw isAbsent ? new ObjectNotFound(key, { url, cause }) : cause;
  });
  try {
    const stats = await file.stat();
    // A folder can be opened too, and is no object.
    if (!stats.isFile()) throw new ObjectNotFound(key, { url });
    const { size } = stats;
    const { offset = 0, length = size - offset } = range;
    if (offset + length > size || (offset > 0 && offset >= size)) {
      throw new ObjectTooShort(key, { url, wanted: range });
    }
    const bytes = Buffer.allocUnsafe(length);
    for (let done = 0; done < length; ) {
      const { bytesRead } = await file.read(bytes, done, length - done, offset + done);
      if (bytesRead === 0) throw new ObjectTooShort(key, { url, wanted: range });
      done += bytesRead;
    }
    return bytes;
  } finally {
    await file.close();
  }
}

/** Complete and on the disk under another name first: a crash leaves nothing half-written under the key. */
async function putFile(
  bytes: Uint8Array,
  { folder, target, ifAbsent }: { folder: string; target: string; ifAbsent: boolean },
): Promise<'written' | 'exists'> {
  const incoming = join(folder, INCOMING, randomUUID());
  try {
    const file = await open(incoming, 'wx');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await makeFolders(dirname(target));
    if (!ifAbsent) await rename(incoming, target);
    else if (!(await linkIfAbsent(incoming, target))) return 'exists';
    await syncFolder(dirname(target));
    return 'written';
  } finally {
    // Gone already where it was renamed.
    await removeFile(incoming);
  }
}

async function linkIfAbsent(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    if (!NO_HARD_LINKS.has(codeOf(error) ?? '')) throw error;
    throw new StoreFailed(
      `${to}: the file system has no hard links (${codeOf(error)}), which a repository in a folder needs`,
      {
        retryable: false,
        cause: error,
      },
    );
  }
}

const NO_HARD_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** Makes the folders down to `path`, each durable in the one above it; with a `mode`, less what the umask takes away. */
async function makeFolders(path: string, { mode = 0o777 }: { mode?: number } = {}): Promise<void> {
  const firstMade = await mkdir(path, { recursive: true, mode });
  if (firstMade === undefined) return;
  for (let made = path; made.length >= firstMade.length; made = dirname(made))
    await syncFolder(dirname(made));
}

async function syncFolder(path: string): Promise<void> {
  let folder: FileHandle;
  try {
    folder = await open(path, 'r');
  } catch (error) {
    // Windows cannot open a folder; its file systems keep the order themselves.
    if (process.platform === 'win32') return;
    throw error;
  }
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

/** Also removes what killed writers left there long ago. */
async function prepareIncoming(folder: string): Promise<void> {
  const incoming = join(folder, INCOMING);
  // Disks are in it: a new one is for its owner alone. One that is there may be shared, and what is made in it, too.
  await makeFolders(folder, { mode: 0o700 });
  await makeFolders(incoming);
  for (const name of await readdir(incoming)) {
    const path = join(incoming, name);
    const stats = await statIfThere(path);
    if (stats && Date.now() - stats.mtimeMs > STALE_AFTER_MS) await removeFile(path);
  }
}

/** `undefined` for what has been deleted since its folder was read. */
async function statIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

interface Listing {
  readonly folder: string;
  readonly url: string;
  readonly prefix: string;
  readonly startAfter: string;
  readonly signal: AbortSignal | undefined;
}

/** Walks only the folders that can hold a key with the prefix. */
async function* listFolder(listing: Listing, within = ''): AsyncGenerator<StoredObject> {
  const { folder, url, prefix, startAfter, signal } = listing;
  for (const entry of await readSorted(join(folder, within), url)) {
    signal?.throwIfAborted();
    const key = within + entry.name;
    if (entry.isDirectory()) {
      const inside = `${key}/`;
      const wanted = prefix.startsWith(inside) || inside.startsWith(prefix);
      // All keys inside begin with `inside`: they come after `startAfter` unless it is a later key of another folder.
      const past = inside < startAfter && !startAfter.startsWith(inside);
      if (wanted && !past) yield* listFolder(listing, inside);
    } else if (entry.isFile() && key.startsWith(prefix) && key > startAfter) {
      const stats = await statIfThere(join(folder, key));
      if (stats) yield { key, size: stats.size, modified: stats.mtime };
    }
  }
}

/** In the order of the keys: a folder counts with the slash that follows its name. */
async function readSorted(path: string, url: string): Promise<Dirent[]> {
  const entries = await named(url, path, () =>
    readdir(path, { withFileTypes: true }).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return [];
      throw error;
    }),
  );
  const sortName = (entry: Dirent) => (entry.isDirectory() ? `${entry.name}/` : entry.name);
  return entries.filter(({ name }) => isKey(name)).sort((a, b) => (sortName(a) < sortName(b) ? -1 : 1));
}
