import { createWriteStream } from 'node:fs';

/** One call that the region answered (or was to answer, when its client was gone). */
export interface CallEntry {
  /** When the call arrived, ISO 8601. */
  readonly time: string;
  readonly requestId: string;
  /** Name of the Lambda function that called, or `anonymous`. */
  readonly caller: string;
  /** ARN of the execution the caller worked for. */
  readonly execution?: string;
  /** Signing name: ec2, s3, states… */
  readonly service: string;
  /** AWS's name of the operation; `Unknown` where the request did not tell. */
  readonly operation: string;
  /** Names and ids that the input names: bucket, key, ids, ARNs. */
  readonly resources: readonly string[];
  /** `ok`, or the error code answered, or `answer lost` where a fault cut the answer off. */
  readonly result: string;
  readonly durationMs: number;
  /** The input as parsed, without payloads ({@link withoutPayloads}); only in memory, not in calls.jsonl. */
  readonly input?: Readonly<Record<string, unknown>>;
}

export interface CallFilter {
  readonly service?: string;
  readonly operation?: string;
  readonly caller?: string;
  readonly result?: string;
}

export interface CallLog {
  /** The remembered calls, oldest first; the last {@link CALLS_KEPT}. */
  entries(filter?: CallFilter): CallEntry[];
  /** How many calls there were since the region started, forgotten ones included. */
  readonly total: number;
  clear(): void;
}

export interface CallRecorder extends CallLog {
  record(entry: CallEntry): void;
  close(): Promise<void>;
}

/** Calls kept in memory; older ones are only in calls.jsonl. */
export const CALLS_KEPT = 20_000;

/** A call log in memory that also appends to `file` (one JSON per line), where one is given. */
export function makeCallLog(file?: string): CallRecorder {
  let kept: CallEntry[] = [];
  let total = 0;
  const stream = file === undefined ? undefined : createWriteStream(file, { flags: 'a' });
  // A full disk must not stop the region: the log in memory goes on.
  stream?.on('error', () => stream.destroy());

  return {
    get total() {
      return total;
    },
    entries: (filter = {}) => kept.filter((entry) => matches(entry, filter)),
    clear: () => {
      kept = [];
    },
    record: (entry) => {
      total += 1;
      kept.push(entry);
      // Trimmed by halves: shifting one by one would move the whole array for every call.
      if (kept.length > CALLS_KEPT * 1.5) kept = kept.slice(-CALLS_KEPT);
      if (!stream || stream.destroyed) return;
      const { input: _onlyInMemory, ...line } = entry;
      stream.write(`${JSON.stringify(line)}\n`);
    },
    close: () =>
      new Promise((resolve) => {
        if (!stream || stream.destroyed) resolve();
        else stream.end(resolve);
      }),
  };
}

function matches(entry: CallEntry, filter: CallFilter): boolean {
  return (
    (filter.service === undefined || entry.service === filter.service) &&
    (filter.operation === undefined || entry.operation === filter.operation) &&
    (filter.caller === undefined || entry.caller === filter.caller) &&
    (filter.result === undefined || entry.result === filter.result)
  );
}

/** Names, ids, keys and small documents fit; a longer text is a payload: an execution's input, a policy, user data. */
const LONGEST_TEXT = 1024;

/** An input for the log: bytes and streams are left out, and of a text over 1,024 characters only its length is told. */
export function withoutPayloads(input: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(input)
      .filter(([, value]) => !isBytes(value))
      .map(([name, value]) => [name, withoutLongTexts(value)]),
  );
}

function withoutLongTexts(value: unknown): unknown {
  if (typeof value === 'string') {
    return value.length > LONGEST_TEXT ? `(${value.length} characters, not kept)` : value;
  }
  if (Array.isArray(value)) return value.map(withoutLongTexts);
  return isPlainObject(value) ? withoutPayloads(value) : value;
}

const isBytes = (value: unknown): boolean =>
  value instanceof Uint8Array ||
  (typeof value === 'object' && value !== null && Symbol.asyncIterator in value);

const RESOURCE_MEMBER = /(^(bucket|key|name|copysource|resources?)$)|(name|id|ids|arn|arns)$/i;
/** Members that end like a name or an id but identify nothing. */
const NO_RESOURCE = /^(clienttoken|.*accountid|restoreid)$/i;
/** Members whose names and values are no resources of the call. */
const NOT_LOOKED_INTO = /^(filters?|tags?|tagset|tagspecifications|tagging|metadata)$/i;
const MAX_RESOURCES = 20;

/** The names and ids in an input, from its first three levels. */
export function resourcesOf(input: unknown): string[] {
  const found: string[] = [];
  collectResources(input, found, 3);
  return found;
}

function collectResources(value: unknown, found: string[], depth: number): void {
  if (depth === 0 || found.length >= MAX_RESOURCES) return;
  if (Array.isArray(value)) {
    for (const item of value) collectResources(item, found, depth - 1);
    return;
  }
  if (!isPlainObject(value)) return;
  for (const [name, member] of Object.entries(value)) {
    if (NOT_LOOKED_INTO.test(name)) continue;
    if (isPlainObject(member)) {
      collectResources(member, found, depth - 1);
      continue;
    }
    const items = Array.isArray(member) ? member : [member];
    const named = RESOURCE_MEMBER.test(name) && !NO_RESOURCE.test(name);
    for (const item of items) {
      if (found.length >= MAX_RESOURCES) return;
      if (named && typeof item === 'string') found.push(item);
      else if (isPlainObject(item)) collectResources(item, found, depth - 1);
    }
  }
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
