import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { appendFile, mkdir, readdir, readFile, rename, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { readTextIfThere } from '../json-file.ts';
import type { ExecutionRecord } from './execution-record.ts';
import { executionRecordSchema } from './execution-record.ts';
import type { HistoryLine } from './history.ts';

/** Executions on disk: one folder each, with its record and its history; histories are never held in memory. */
export interface ExecutionStore {
  /** Every record, one after the other. */
  all(): AsyncIterable<ExecutionRecord>;
  /** @throws Error when there is none */
  read(executionArn: string): Promise<ExecutionRecord>;
  write(record: ExecutionRecord): Promise<void>;
  appendHistory(executionArn: string, line: HistoryLine): void;
  /** Resolves when everything appended to the execution's history so far is on disk. */
  flushHistory(executionArn: string): Promise<void>;
  /** The same for every execution. */
  flush(): Promise<void>;
  /** Events `from` to `to` (ids, both included) in ascending order. */
  history(executionArn: string, from: number, to: number): Promise<HistoryLine[]>;
  /** How many events the history has. */
  historyLength(executionArn: string): Promise<number>;
  /** Cuts off the half of a line that a crash may have left at the end. */
  mendHistory(executionArn: string): Promise<void>;
}

interface Appending {
  text: string;
  writing: Promise<void> | undefined;
}

export function makeExecutionStore(root: string): ExecutionStore {
  const appending = new Map<string, Appending>();
  // Names may hold nearly any character, and be longer than a file name once encoded.
  const folderOf = (executionArn: string) =>
    join(root, createHash('sha256').update(executionArn).digest('hex').slice(0, 32));
  const historyFile = (executionArn: string) => join(folderOf(executionArn), 'history.jsonl');

  async function append(executionArn: string, pending: Appending): Promise<void> {
    while (pending.text !== '') {
      const { text } = pending;
      pending.text = '';
      await mkdir(folderOf(executionArn), { recursive: true });
      await appendFile(historyFile(executionArn), text);
    }
    appending.delete(executionArn);
  }

  async function* lines(executionArn: string): AsyncGenerator<string> {
    await flushHistory(executionArn);
    if ((await sizeOf(historyFile(executionArn))) === 0) return;
    const input = createReadStream(historyFile(executionArn));
    try {
      yield* createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
    } finally {
      input.destroy();
    }
  }

  async function flushHistory(executionArn: string): Promise<void> {
    await appending.get(executionArn)?.writing;
  }

  return {
    async *all() {
      for (const name of (await foldersIn(root)).sort()) {
        const text = await readTextIfThere(join(root, name, 'record.json'));
        // A crash between making the folder and writing the record leaves a folder of nothing.
        if (text !== undefined) yield executionRecordSchema.parse(JSON.parse(text));
      }
    },
    async read(executionArn) {
      const text = await readFile(join(folderOf(executionArn), 'record.json'), 'utf8');
      return executionRecordSchema.parse(JSON.parse(text));
    },
    async write(record) {
      const folder = folderOf(record.arn);
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, 'record.json.new'), JSON.stringify(record));
      await rename(join(folder, 'record.json.new'), join(folder, 'record.json'));
    },
    appendHistory(executionArn, line) {
      const pending = appending.get(executionArn) ?? { text: '', writing: undefined };
      appending.set(executionArn, pending);
      pending.text += `${JSON.stringify(line)}\n`;
      pending.writing ??= append(executionArn, pending);
      // Whoever flushes sees the error; the execution itself goes on.
      pending.writing.catch(() => {});
    },
    flushHistory,
    flush: async () => {
      await Promise.all([...appending.values()].map((pending) => pending.writing));
    },
    async history(executionArn, from, to) {
      const found: HistoryLine[] = [];
      let id = 0;
      for await (const line of lines(executionArn)) {
        id += 1;
        if (id > to) break;
        if (id >= from) found.push(JSON.parse(line));
      }
      return found;
    },
    async historyLength(executionArn) {
      let count = 0;
      for await (const _line of lines(executionArn)) count += 1;
      return count;
    },
    async mendHistory(executionArn) {
      const file = historyFile(executionArn);
      if ((await sizeOf(file)) === 0) return;
      let whole = 0;
      let read = 0;
      for await (const chunk of createReadStream(file)) {
        const bytes: Buffer = chunk;
        const lastNewLine = bytes.lastIndexOf(0x0a);
        if (lastNewLine >= 0) whole = read + lastNewLine + 1;
        read += bytes.length;
      }
      if (whole < read) await truncate(file, whole);
    },
  };
}

/** Bytes of the file; 0 when there is none. */
async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 0;
    throw error;
  }
}

async function foldersIn(root: string): Promise<string[]> {
  await mkdir(root, { recursive: true });
  return readdir(root);
}
