import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { z } from 'zod';

/** One JSON file of a service's state, always whole on disk: a new content replaces the old one by a rename. */
export interface JsonFile<T> {
  /** The content, or undefined when there is no such file. @throws ZodError when it is not what this program writes. */
  read(): Promise<T | undefined>;
  /** Resolves when this content, or a later one, is on disk. */
  write(content: T): Promise<void>;
}

export function makeJsonFile<T>(file: string, schema: z.ZodType<T>): JsonFile<T> {
  let next: T | undefined;
  let writing: Promise<void> | undefined;

  async function writeOut(): Promise<void> {
    await mkdir(dirname(file), { recursive: true });
    // While one content is being written, only the newest of those that follow matters.
    while (next !== undefined) {
      const text = JSON.stringify(next);
      next = undefined;
      await writeFile(`${file}.new`, text);
      await rename(`${file}.new`, file);
    }
  }

  return {
    async read() {
      const text = await readTextIfThere(file);
      return text === undefined ? undefined : schema.parse(JSON.parse(text));
    },
    write(content) {
      next = content;
      writing ??= writeOut().finally(() => {
        writing = undefined;
      });
      return writing;
    },
  };
}

/** The file's text, or undefined when there is none. */
export async function readTextIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
