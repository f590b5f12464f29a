import type { IncomingHttpHeaders } from 'node:http';

export interface Caller {
  /** Name of the local function, id of the instance, or `anonymous`. */
  readonly caller: string;
  readonly execution: string | undefined;
}

/**
 * Who makes a call, from the X-Amzn-Trace-Id header that functions of the region send:
 * `Root=1-…;Function=<name>;Execution=<execution ARN, URL-encoded>`; else from the access key of its signature, which
 * is the instance's id where a program on an instance calls.
 */
export function callerOf(headers: IncomingHttpHeaders): Caller {
  const trace = String(headers['x-amzn-trace-id'] ?? '');
  const fields = new Map(trace.split(';').map((part) => splitOnce(part.trim())));
  const execution = fields.get('Execution');
  return {
    caller: fields.get('Function') ?? instanceOf(headers) ?? 'anonymous',
    execution: execution === undefined ? undefined : decoded(execution),
  };
}

function instanceOf({ authorization = '' }: IncomingHttpHeaders): string | undefined {
  return /Credential=(i-[0-9a-f]{8,17})\//.exec(authorization)?.[1];
}

function splitOnce(text: string): [string, string] {
  const at = text.indexOf('=');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
