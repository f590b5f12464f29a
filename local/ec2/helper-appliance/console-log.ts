import { appendFileSync, mkdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';

/** EC2 keeps the last 64 KiB of a console. */
const CONSOLE_BYTES = 64 * 1024;

/** Adds a line to a helper's console, as its system would. */
export function sayOnConsole(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  appendFileSync(file, `landfall-helper: ${text}\n`, { mode: 0o600 });
}

/** The last 64 KiB of a helper's console; nothing where there is none. */
export async function endOfConsole(file: string): Promise<string> {
  const handle = await open(file, 'r').catch(() => undefined);
  if (!handle) return '';
  try {
    const { size } = await handle.stat();
    const length = Math.min(size, CONSOLE_BYTES);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.subarray(0, bytesRead).toString('utf8');
  } finally {
    await handle.close();
  }
}
