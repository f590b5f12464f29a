import type { IncomingHttpHeaders } from 'node:http';

export interface Caller {
  /** Name of the local function, or `anonymous`. */
  readonly caller: string;
  readonly execution: string | undefined;
}

/**
 * Who makes a call, from the X-Amzn-Trace-Id header that functions of the region send:
 * `Root=1-…;Function=<name>;Execution=<execution ARN, URL-encoded>`.
 */
export function callerOf(headers: IncomingHttpHeaders): Caller {
  const trace = String(headers['x-amzn-trace-id'] ?? '');
  const fields = new Map(trace.split(';').map((part) => splitOnce(part.trim())));
  const execution = fields.get('Execution');
  return {
    caller: fields.get('Function') ?? 'anonymous',
    execution: execution === undefined ? undefined : decoded(execution),
  };
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
