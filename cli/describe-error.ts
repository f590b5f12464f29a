import { inspect } from 'node:util';
import { z } from 'zod';
import { CommandError, EXIT, type ExitCode } from './errors.ts';
import type { Host } from './host.ts';

export interface DescribedError {
  /** What is wrong and what to do about it, for people. */
  readonly lines: readonly string[];
  readonly exitCode: ExitCode;
}

/** Errors of the product's core that mean the request was wrong, by name, with the next step where one is clear. */
const BAD_REQUESTS: Readonly<Record<string, string | undefined>> = {
  InvalidId: undefined,
  InvalidBackup: undefined,
  DiskNotFound: '"landfall points --id RESTORE-POINT" lists the disks.',
  RestorePointNotFound: '"landfall points" lists what there is.',
  RepositoryNotFound: 'Check the URL or folder; "landfall backup" makes a repository where there is none.',
  UnsupportedRepository: 'Use the version of Landfall that wrote it, or a newer one.',
  StoreNotFound: 'Check the name of the bucket or folder.',
  TargetTooSmall: 'Choose a larger target.',
};

const DAMAGED =
  '"landfall verify" tells all that is damaged; another restore point may be whole; "landfall backup --parent none" stores everything anew.';

/** What a person can do about errors of the core that are no fault of the request. */
const NEXT_STEPS: Readonly<Record<string, string>> = {
  CorruptBlock: DAMAGED,
  CorruptObject: DAMAGED,
  StoreAccessDenied: 'Check the credentials and what they may do with the repository.',
  StateFolderInUse:
    'Stop it, use it (--local finds it by the state folder), or choose another --state-folder.',
  SourceSizeChanged: 'Back the disk up while nothing changes its size.',
};

const UNUSABLE_PATH =
  'Check that the folder is there and may be written, or choose another (--state-folder, --repository, …).';

/** Errors of the SDK and the system, by name or code: not getting through, or a place that cannot be used. */
const SYSTEM_STEPS: Readonly<Record<string, string>> = {
  ECONNREFUSED:
    'Is it running? "landfall local" starts the local region; unset AWS_ENDPOINT_URL to talk to AWS.',
  EADDRINUSE: 'Stop what listens there, or choose another port with --port (0 takes any free one).',
  ENOSPC: 'Make room there, or choose another place.',
  EACCES: UNUSABLE_PATH,
  ENOENT: UNUSABLE_PATH,
  ENOTDIR: UNUSABLE_PATH,
  EPERM: UNUSABLE_PATH,
  EROFS: UNUSABLE_PATH,
  ENOTFOUND: 'Check the endpoint, the region and the network.',
  CredentialsProviderError: 'Log in (aws sso login, AWS_PROFILE, …), or use the local region with --local.',
  ExpiredToken: 'Log in again (aws sso login, …).',
  ExpiredTokenException: 'Log in again (aws sso login, …).',
  AccessDenied: 'Ask for the permission that the message names.',
  AccessDeniedException: 'Ask for the permission that the message names.',
};

const codeSchema = z.object({ code: z.string() });

/** Turns whatever was thrown into plain words; the stack is shown with LANDFALL_DEBUG=1 only. */
export function describeError(error: unknown, host: Pick<Host, 'env' | 'signal'>): DescribedError {
  const debug = host.env.LANDFALL_DEBUG === '1' ? [inspect(error)] : [];
  if (host.signal.aborted) {
    const isOurs = error instanceof CommandError;
    const lines = isOurs
      ? [`landfall: interrupted: ${error.message}`, `  ${error.nextStep}`]
      : ['landfall: interrupted.'];
    return { lines: [...lines, ...debug], exitCode: EXIT.interrupted };
  }
  const { name, message, code } = factsOf(error);
  const nextStep = error instanceof CommandError ? error.nextStep : nextStepOf(name, code);
  const exitCode =
    error instanceof CommandError ? error.exitCode : name in BAD_REQUESTS ? EXIT.badRequest : EXIT.failed;
  const hint =
    nextStep ?? (exitCode === EXIT.badRequest ? undefined : 'LANDFALL_DEBUG=1 shows where it happened.');
  return {
    lines: [`landfall: ${message}`, ...(hint === undefined ? [] : [`  ${hint}`]), ...debug],
    exitCode,
  };
}

function nextStepOf(name: string, code: string | undefined): string | undefined {
  return BAD_REQUESTS[name] ?? NEXT_STEPS[name] ?? SYSTEM_STEPS[name] ?? (code && SYSTEM_STEPS[code]);
}

function factsOf(error: unknown): { name: string; message: string; code?: string } {
  if (!(error instanceof Error)) return { name: 'unknown', message: String(error) };
  // Node says "connect ECONNREFUSED …" only inside the AggregateError of its attempts at IPv4 and IPv6.
  const inner =
    error instanceof AggregateError ? error.errors.find((each) => each instanceof Error) : undefined;
  const message = error.message || (inner instanceof Error ? inner.message : error.name);
  return { name: error.name, message, code: codeOf(error) };
}

/** The system's code, of the error itself or of what caused it: stores wrap what the file system says. */
function codeOf(error: Error): string | undefined {
  const code = codeSchema.safeParse(error).data?.code;
  return code ?? (error.cause instanceof Error ? codeOf(error.cause) : undefined);
}
