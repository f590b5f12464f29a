import { format } from 'node:util';
import { currentInvocation } from './invoke-store.ts';

const LEVELS = {
  trace: 'TRACE',
  debug: 'DEBUG',
  log: 'INFO',
  info: 'INFO',
  warn: 'WARN',
  error: 'ERROR',
} as const;

type WriteCallback = (error?: Error | null) => void;

/** Sends what functions print to `emit` instead of the region's own output; console lines in Lambda's text format. */
export function captureConsole(emit: (text: string) => void): void {
  for (const [method, level] of Object.entries(LEVELS)) {
    Object.assign(console, {
      [method]: (...values: unknown[]) => {
        const requestId = currentInvocation()?.requestId ?? 'undefined';
        emit(`${new Date().toISOString()}\t${requestId}\t${level}\t${format(...values)}\n`);
      },
    });
  }
  const write = (chunk: string | Uint8Array, encoding?: unknown, callback?: WriteCallback): boolean => {
    emit(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8'));
    const done = typeof encoding === 'function' ? encoding : callback;
    if (done) queueMicrotask(() => done());
    return true;
  };
  Object.assign(process.stdout, { write });
  Object.assign(process.stderr, { write });
}
