import type { IncomingHttpHeaders } from 'node:http';
import type { AwsError } from '../service.ts';

/** A request as it came over the wire, its body not yet read. */
export interface WireRequest {
  readonly method: string;
  /** Percent-encoded path exactly as sent, without query: object keys may hold `//` or `..`. */
  readonly path: string;
  /** Decoded query parameters in order; a parameter without `=` has the value ''. */
  readonly query: readonly (readonly [name: string, value: string])[];
  readonly headers: IncomingHttpHeaders;
  readonly body: RequestBody;
}

/**
 * The body of a request, read once, in pieces. Trailers (checksums after a chunked upload) are known when the
 * last piece has been read.
 */
export interface RequestBody extends AsyncIterable<Uint8Array> {
  /** Bytes of content that the client announced; undefined when it did not. */
  readonly announcedLength: number | undefined;
  /** Names of the trailing headers that the client announced, in lower case. */
  readonly announcedTrailers: readonly string[];
  /** Trailing headers by lower-case name. */
  readonly trailers: ReadonlyMap<string, string>;
}

/** Content of an answer that is streamed: an object's bytes. */
export interface AnswerBody {
  readonly length: number;
  /** A piece may be overwritten as soon as the next one is asked for. */
  chunks(): AsyncIterable<Uint8Array>;
  /** Called once when the answer is over, sent or not. */
  close(): Promise<void>;
}

/** Whether an operation's output member is streamed content. */
export function isAnswerBody(value: unknown): value is AnswerBody {
  return typeof value === 'object' && value !== null && 'chunks' in value && 'length' in value;
}

export interface WireAnswer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | AnswerBody;
}

/** What a request asks for: an operation with its input, or the reason why it cannot be carried out. */
export type ParsedRequest =
  | { readonly operation: string; readonly input: Record<string, unknown> }
  | { readonly operation: string; readonly refusal: AwsError };

/** Name of the operation where the request names none that the protocol knows. */
export const UNKNOWN_OPERATION = 'Unknown';

export interface AnswerContext {
  readonly operation: string;
  readonly requestId: string;
  readonly request: WireRequest;
}

/** One wire protocol spoken for one service: requests in, answers out; the schemas of the SDK drive it. */
export interface ProtocolAdapter {
  /** Never throws for what a client sent: what does not fit is a refusal. */
  parse(request: WireRequest): Promise<ParsedRequest>;
  /** @throws UnfitOutput when a simulated operation answers something its schema does not know. */
  answer(output: Record<string, unknown>, context: AnswerContext): WireAnswer;
  answerError(error: AwsError, context: AnswerContext): WireAnswer;
}

/** A simulated operation gave an output that its schema does not know: a mistake in the simulation. */
export class UnfitOutput extends Error {
  override readonly name = 'UnfitOutput';
}

/** How an input fails its schema; each protocol has its own error code for each. */
export type UnfitKind = 'missing' | 'unknown' | 'invalid' | 'malformed';

export class UnfitInput extends Error {
  override readonly name = 'UnfitInput';
  readonly kind: UnfitKind;
  /** Where in the input, e.g. `BlockDeviceMappings.1.Ebs.VolumeSize`. */
  readonly path: string;

  constructor(kind: UnfitKind, path: string, problem: string) {
    super(problem);
    this.kind = kind;
    this.path = path;
  }
}

/** Longest body that is read into memory: everything but the bytes of objects. Lambda's payload limit is 6 MB. */
const MAX_BUFFERED_BODY_BYTES = 8 * 1024 * 1024;

/** @throws UnfitInput when the body is too long. */
export async function readWhole(body: RequestBody): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of body) {
    length += piece.length;
    if (length > MAX_BUFFERED_BODY_BYTES) {
      throw new UnfitInput('malformed', '', `The body is longer than ${MAX_BUFFERED_BODY_BYTES} bytes`);
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
