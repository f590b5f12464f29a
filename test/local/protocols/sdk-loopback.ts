import { Readable } from 'node:stream';
import { HttpRequest, HttpResponse } from '@smithy/core/transport';
import type { ParsedRequest, WireAnswer, WireRequest } from '../../../local/protocols/http-message.ts';
import { isAnswerBody } from '../../../local/protocols/http-message.ts';
import { makeServiceRegistry } from '../../../local/services.ts';

export interface LoopbackOptions {
  /** Signing name. */
  readonly service: string;
  /** Exports of the client package. */
  readonly client: Readonly<Record<string, unknown>>;
  readonly operation: string;
}

/** What came out at either end, made comparable by {@link plain}. */
export interface Seen {
  readonly input: unknown;
  readonly output: unknown;
}

/** Members that the SDK fills in by itself. */
const FILLED_IN =
  /^(ClientToken|clientToken|ClientRequestToken|ContentType|ContentLength|ChecksumAlgorithm|Checksum.*|CreationToken|name)$/;

interface SdkClient {
  send(command: unknown): Promise<Record<string, unknown>>;
}

/** Sends inputs of one operation through the SDK's client into the region's adapter, and outputs back. */
export function makeLoopback({ service, client, operation }: LoopbackOptions) {
  const entry = makeServiceRegistry([{ name: service, operations: { [operation]: () => ({}) } }]).get(
    service,
  );
  if (!entry) throw new Error(`no service ${service}`);
  let arrived: unknown;
  let toAnswer: Record<string, unknown> = {};
  const sdk = makeClient(client, {
    handle: async (request: unknown) => {
      if (!HttpRequest.isInstance(request)) throw new Error('the SDK sent something else');
      const wire = toWire(request);
      const parsed = await entry.adapter.parse(wire);
      arrived = await inputOf(parsed);
      if (parsed.operation !== operation) throw new Error(`taken for ${parsed.operation}`);
      const answer = entry.adapter.answer(toAnswer, { operation, requestId: 'request-1', request: wire });
      return { response: await toResponse(answer) };
    },
  });
  const Command = client[`${operation}Command`] as new (members: unknown) => unknown;
  return async (input: Record<string, unknown>, output: Record<string, unknown>): Promise<Seen> => {
    toAnswer = output;
    const { $metadata: _metadata, ...answered } = await sdk.send(new Command(input));
    return { input: plain(withoutFilledIn(arrived, input)), output: plain(await collected(answered)) };
  };
}

function makeClient(client: Readonly<Record<string, unknown>>, requestHandler: unknown): SdkClient {
  const name = Object.keys(client).find((key) =>
    /^(EC2|EBS|S3|SFN|KMS|Lambda|CloudFormation|STS)Client$/.test(key),
  );
  const Client = client[name ?? ''] as new (config: unknown) => SdkClient;
  return new Client({
    region: 'us-east-1',
    endpoint: 'http://127.0.0.1:4566',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    requestHandler,
    maxAttempts: 1,
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
}

async function inputOf(parsed: ParsedRequest): Promise<unknown> {
  if ('refusal' in parsed) throw new Error(`refused: ${parsed.refusal.code} ${parsed.refusal.message}`);
  return collected(parsed.input);
}

/** Streamed members read to their end. */
async function collected(members: Record<string, unknown>): Promise<Record<string, unknown>> {
  const out: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(members))
    out[name] = isStream(value) ? await readAll(value) : value;
  return out;
}

function isStream(value: unknown): value is AsyncIterable<Uint8Array> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

async function readAll(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

function toWire(request: HttpRequest): WireRequest {
  const body = request.body === undefined ? Buffer.alloc(0) : Buffer.from(request.body);
  const headers = Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), value]);
  return {
    method: request.method,
    path: request.path,
    query: Object.entries(request.query ?? {}).flatMap(([name, value]) =>
      (Array.isArray(value) ? value : [value ?? '']).map((one) => [name, one] as const),
    ),
    headers: Object.fromEntries(headers),
    body: {
      announcedLength: body.length,
      announcedTrailers: [],
      trailers: new Map(),
      [Symbol.asyncIterator]: () => Readable.from([body])[Symbol.asyncIterator](),
    },
  };
}

async function toResponse(answer: WireAnswer): Promise<HttpResponse> {
  const { body } = answer;
  const bytes = isAnswerBody(body) ? await readAll(body.chunks()) : Buffer.from(body);
  return new HttpResponse({
    statusCode: answer.statusCode,
    headers: { ...answer.headers },
    body: Readable.from([bytes]),
  });
}

function withoutFilledIn(arrived: unknown, sent: Record<string, unknown>): unknown {
  if (typeof arrived !== 'object' || arrived === null) return arrived;
  return Object.fromEntries(
    Object.entries(arrived).filter(([name]) => sent[name] !== undefined || !FILLED_IN.test(name)),
  );
}

/** Values to compare: bytes as hex, and without what the wire cannot tell from nothing at all. */
export function plain(value: unknown): unknown {
  if (value instanceof Date) return value;
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`;
  if (value instanceof String) return value.toString();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([name, member]) => [name, plain(member)] as const);
  return Object.fromEntries(members.filter(([, member]) => !isNothing(member)));
}

function isNothing(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (value instanceof Date) return false;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
