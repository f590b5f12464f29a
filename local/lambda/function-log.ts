import { appendFile, mkdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** What functions print, one file per function, each kept to about twice {@link LOG_BYTES}. */
export interface FunctionLogs {
  append(functionName: string, text: string): void;
  /** Resolves when everything appended so far is on disk. */
  flush(): Promise<void>;
}

/** A file that has grown beyond this moves to `<function>.log.1`, whose place it takes. */
export const LOG_BYTES = 4 * 1024 * 1024;
/** What a burst may hold in memory per function; more is dropped, and said so. */
const PENDING_BYTES = 1024 * 1024;

interface Pending {
  text: string;
  dropped: number;
  writing: Promise<void> | undefined;
}

export function makeFunctionLogs(folder: string): FunctionLogs {
  const logs = new Map<string, Pending>();

  async function writeOut(functionName: string, pending: Pending): Promise<void> {
    const file = join(folder, `${functionName}.log`);
    await mkdir(folder, { recursive: true });
    while (pending.text !== '' || pending.dropped > 0) {
      const dropped = pending.dropped > 0 ? `… ${pending.dropped} characters were not kept\n` : '';
      const text = pending.text + dropped;
      pending.text = '';
      pending.dropped = 0;
      await appendFile(file, text);
      const { size } = await stat(file);
      if (size > LOG_BYTES) await rename(file, `${file}.1`);
    }
  }

  return {
    append(functionName, text) {
      const pending = logs.get(functionName) ?? { text: '', dropped: 0, writing: undefined };
      logs.set(functionName, pending);
      if (pending.text.length + text.length > PENDING_BYTES) pending.dropped += text.length;
      else pending.text += text;
      // A log that cannot be written (a full disk) is no reason for a function or the region to fail.
      pending.writing ??= writeOut(functionName, pending)
        .catch(() => {})
        .finally(() => {
          pending.writing = undefined;
        });
    },
    flush: async () => {
      await Promise.all([...logs.values()].map((pending) => pending.writing));
    },
  };
}
