import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Code as it was deployed: a folder that never changes, named by its content. */
export interface StoredCode {
  /** Name of the folder within the store. */
  readonly id: string;
  /** Base64 SHA-256 over the names and contents of the files, as Lambda reports the one of its archive. */
  readonly sha256: string;
  /** Bytes of all files. */
  readonly size: number;
}

export interface CodeStore {
  /** Copies the folder in, unless its content is there already. */
  putFolder(source: string): Promise<StoredCode>;
  /** Code given in the template itself: one file, `index.js`. */
  putInline(source: string): Promise<StoredCode>;
  folder(id: string): string;
  /** Deletes what none of `ids` names. */
  keepOnly(ids: ReadonlySet<string>): Promise<void>;
}

export function makeCodeStore(root: string): CodeStore {
  const folder = (id: string) => join(root, id);

  async function put(measured: StoredCode, fill: (target: string) => Promise<void>): Promise<StoredCode> {
    const target = folder(measured.id);
    if (await isFolder(target)) return measured;
    await mkdir(root, { recursive: true });
    // Without it, the package.json of whatever the state folder lies in would decide what a .js file is.
    await writeFile(join(root, 'package.json'), '{}\n');
    const temporary = `${target}.new`;
    await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary, { recursive: true });
    await fill(temporary);
    await rename(temporary, target);
    return measured;
  }

  return {
    folder,
    putFolder: async (source) =>
      put(await measureFolder(source), (target) => cp(source, target, { recursive: true })),
    putInline: (source) => {
      const hash = createHash('sha256').update('index.js').update('\0').update(source);
      return put(describe(hash.digest(), Buffer.byteLength(source)), (target) =>
        writeFile(join(target, 'index.js'), source),
      );
    },
    async keepOnly(ids) {
      if (!(await isFolder(root))) return;
      const unused = (await readdir(root)).filter((name) => name !== 'package.json' && !ids.has(name));
      await Promise.all(unused.map((name) => rm(folder(name), { recursive: true, force: true })));
    },
  };
}

async function measureFolder(source: string): Promise<StoredCode> {
  const entries = await readdir(source, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const hash = createHash('sha256');
  let size = 0;
  for (const file of files) {
    const bytes = await readFile(file);
    size += bytes.length;
    hash
      .update(file.slice(source.length))
      .update('\0')
      .update(String(bytes.length))
      .update('\0')
      .update(bytes);
  }
  return describe(hash.digest(), size);
}

function describe(digest: Buffer, size: number): StoredCode {
  return { id: digest.toString('hex').slice(0, 32), sha256: digest.toString('base64'), size };
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}
