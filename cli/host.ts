import type { Readable } from 'node:stream';
import type { ExitCode } from './errors.ts';

/** A text stream of the process, as far as the command line uses it. */
export interface TextSink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** The process around a command: what a test replaces to run a command within itself. */
export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder that relative paths and the default state folder are taken from. */
  readonly cwd: string;
  readonly stdin: Readable;
  /** Results: text for people, or JSON. */
  readonly stdout: TextSink;
  /** What is talked to, progress, warnings, errors. */
  readonly stderr: TextSink;
  /** Aborted when the command is asked to stop. */
  readonly signal: AbortSignal;
  exitCode: ExitCode;
  /** Set by --quiet: nothing is noted. */
  isQuiet?: boolean;
}

export const printLine = (host: Host, line = ''): void => {
  host.stdout.write(`${line}\n`);
};

/** One JSON value on one line: results and events are read the same way. */
export const printJson = (host: Host, value: unknown): void => {
  host.stdout.write(`${JSON.stringify(value)}\n`);
};

/** What a person likes to know: what is going on, or took place. Not with --quiet. */
export const printNote = (host: Host, line: string): void => {
  if (!host.isQuiet) host.stderr.write(`${line}\n`);
};

/** What nobody may miss: what is talked to, warnings. */
export const printNotice = (host: Host, line: string): void => {
  host.stderr.write(`${line}\n`);
};
