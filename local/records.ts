import type { FileHandle } from 'node:fs/promises';
import { mkdir, open, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Named records kept in memory and in an append-only file, one JSON line per change: `["name", value]` sets,
 * `["name"]` deletes. A crash loses at most what was not yet appended, and a line cut in half is ignored; so
 * state survives `kill -9` without being rewritten whole at every change.
 */
export interface Records<T> {
  get(name: string): T | undefined;
  entries(): IterableIterator<[string, T]>;
  set(name: string, value: T): void;
  delete(name: string): void;
  /** Resolves when every change so far is in the file (handed to the operating system, not forced to the disk). */
  flush(): Promise<void>;
  close(): Promise<void>;
}

export interface RecordsOptions<T> {
  readonly file: string;
  /** Checks a value read back from the file. @throws when it is not one */
  parse(value: unknown): T;
}

/** The file is rewritten when it holds this many lines more than twice the records that are left. */
const SPARE_LINES = 5_000;

/** A line of a records' file, other than a last one cut short, makes no sense: the file was damaged. */
export class DamagedRecords extends Error {
  override readonly name = 'DamagedRecords';
}

/** Opens the records of a file, which need not exist. @throws DamagedRecords */
export async function openRecords<T>({ file, parse }: RecordsOptions<T>): Promise<Records<T>> {
  await mkdir(dirname(file), { recursive: true });
  const records = new Map<string, T>();
  const { lines, cut } = replay(await readIfThere(file), {
    file,
    apply: (name, value) => {
      if (value === undefined) records.delete(name);
      else records.set(name, parse(value.value));
    },
  });
  const journal = await openJournal(file, records, cut ? Number.POSITIVE_INFINITY : lines);
  return {
    get: (name) => records.get(name),
    entries: () => records.entries(),
    set: (name, value) => {
      records.set(name, value);
      journal.append([name, value]);
    },
    delete: (name) => {
      if (records.delete(name)) journal.append([name]);
    },
    flush: () => journal.flush(),
    close: () => journal.close(),
  };
}

async function readIfThere(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  }
}

interface Replayed {
  readonly lines: number;
  /** Whether the last line was cut by a crash. */
  readonly cut: boolean;
}

interface ReplayOptions {
  readonly file: string;
  apply(name: string, value: { readonly value: unknown } | undefined): void;
}

function replay(text: string, { file, apply }: ReplayOptions): Replayed {
  const lines = text.split('\n');
  // What follows the last line feed is empty, or a line that a crash cut.
  const cut = lines.pop() !== '';
  for (const [i, line] of lines.entries()) {
    try {
      const parsed: unknown = JSON.parse(line);
      if (!Array.isArray(parsed) || typeof parsed[0] !== 'string') throw new Error('it is not a record');
      apply(parsed[0], parsed.length > 1 ? { value: parsed[1] } : undefined);
    } catch (cause) {
      throw new DamagedRecords(`line ${i + 1} of ${file} is damaged`, { cause });
    }
  }
  return { lines: lines.length, cut };
}

interface Journal {
  append(line: readonly unknown[]): void;
  flush(): Promise<void>;
  close(): Promise<void>;
}

async function openJournal(
  file: string,
  records: ReadonlyMap<string, unknown>,
  linesSoFar: number,
): Promise<Journal> {
  let lines = linesSoFar;
  let handle: FileHandle | undefined;
  let waiting: string[] = [];
  let writing: Promise<void> | undefined;
  let closed = false;

  const isWasteful = () => lines > 2 * records.size + SPARE_LINES;

  async function rewrite(): Promise<void> {
    const text = [...records].map((record) => `${JSON.stringify(record)}\n`).join('');
    const count = records.size;
    await writeFile(`${file}.new`, text);
    await handle?.close();
    handle = undefined;
    await rename(`${file}.new`, file);
    handle = await open(file, 'a');
    lines = count + waiting.length;
  }

  async function writeOut(): Promise<void> {
    // By now another region may have opened the file.
    if (closed) throw new Error(`${file} is closed`);
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      try {
        if (isWasteful() || !handle) await rewrite();
        else await handle.appendFile(batch.join(''));
      } catch (error) {
        // Part of the batch may be in the file: only writing the file anew makes it whole again.
        lines = Number.POSITIVE_INFINITY;
        waiting = [...batch, ...waiting];
        throw error;
      }
    }
  }

  async function flush(): Promise<void> {
    while (writing || waiting.length > 0) {
      writing ??= writeOut().finally(() => {
        writing = undefined;
      });
      await writing;
    }
  }

  if (isWasteful()) await rewrite();
  else handle = await open(file, 'a');

  return {
    append: (line) => {
      lines += 1;
      waiting.push(`${JSON.stringify(line)}\n`);
    },
    flush,
    close: async () => {
      await flush();
      closed = true;
      await handle?.close();
    },
  };
}
