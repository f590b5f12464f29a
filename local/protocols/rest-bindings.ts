import type { WireRequest } from './http-message.ts';
import { UnfitInput, UnfitOutput } from './http-message.ts';
import type { Routed } from './rest-router.ts';
import { formatScalar, parseScalar } from './scalars.ts';
import type { Member, StructureShape } from './shape.ts';
import { recordOf } from './xml-write.ts';

/**
 * The members of the input that travel in path, query and headers.
 * @throws UnfitInput
 */
export function readBindings(
  shape: StructureShape,
  request: WireRequest,
  labels: Routed['labels'],
): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  const query = new Map(request.query);
  for (const member of shape.members) {
    const value = readBoundMember(member, { request, labels, query });
    if (value !== undefined) out[member.name] = value;
    else if (member.required && isBoundToRequest(member)) {
      throw new UnfitInput('missing', member.name, `${member.name} is required`);
    }
  }
  return out;
}

interface RequestParts {
  readonly request: WireRequest;
  readonly labels: Routed['labels'];
  readonly query: ReadonlyMap<string, string>;
}

function readBoundMember(member: Member, { request, labels, query }: RequestParts): unknown {
  const { traits, name } = member;
  if (traits.httpLabel) {
    const label = labels[name];
    return label === undefined ? undefined : parseScalar(member.shape, label, name);
  }
  if (traits.httpQuery !== undefined)
    return readQueryMember(member, traits.httpQuery, { request, labels, query });
  if (traits.httpHeader !== undefined) {
    const header = request.headers[traits.httpHeader.toLowerCase()];
    return header === undefined ? undefined : readHeader(member, String(header));
  }
  if (traits.httpPrefixHeaders !== undefined) return readPrefixHeaders(traits.httpPrefixHeaders, request);
  return undefined;
}

function readQueryMember(member: Member, wireName: string, { request, query }: RequestParts): unknown {
  const { shape, name } = member;
  if (shape.kind === 'list') {
    const values = request.query.filter(([key]) => key === wireName).map(([, value]) => value);
    return values.length === 0
      ? undefined
      : values.map((value) => parseScalar(shape.item.shape, value, name));
  }
  const value = query.get(wireName);
  return value === undefined ? undefined : parseScalar(shape, value, name);
}

function readHeader(member: Member, text: string): unknown {
  const { shape, name } = member;
  if (shape.kind !== 'list') {
    // A header that holds JSON travels as base64 (Lambda's client context); as text it is what the SDK's type says.
    return parseScalar(shape, text, name);
  }
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
    .map((item) => parseScalar(shape.item.shape, item, name));
}

function readPrefixHeaders(prefix: string, request: WireRequest): Record<string, string> | undefined {
  const lowerPrefix = prefix.toLowerCase();
  const found = Object.entries(request.headers)
    .filter(([name, value]) => name.startsWith(lowerPrefix) && value !== undefined)
    .map(([name, value]) => [name.slice(lowerPrefix.length), String(value)]);
  return found.length === 0 ? undefined : Object.fromEntries(found);
}

function isBoundToRequest(member: Member): boolean {
  const { httpLabel, httpQuery, httpHeader } = member.traits;
  return Boolean(httpLabel ?? httpQuery ?? httpHeader);
}

/** The member that is the whole body, where there is one. */
export function payloadOf(shape: StructureShape): Member | undefined {
  return shape.members.find((member) => member.traits.httpPayload);
}

/** Whether the payload is bytes of any length, handed on as a stream. */
export function isStreamed(member: Member): boolean {
  return member.shape.kind === 'blob' && member.traits.streaming !== undefined;
}

export interface BoundAnswer {
  readonly statusCode: number;
  readonly headers: Record<string, string>;
}

/**
 * Status and headers of an answer, from the output's bound members.
 * @throws UnfitOutput
 */
export function writeBindings(
  shape: StructureShape,
  output: Record<string, unknown>,
  defaultStatus: number,
): BoundAnswer {
  const headers: Record<string, string> = {};
  let statusCode = defaultStatus;
  for (const member of shape.members) {
    const value = output[member.name];
    if (value === undefined || value === null) continue;
    const { traits } = member;
    if (traits.httpResponseCode) {
      if (typeof value !== 'number') throw new UnfitOutput(`${member.name} is to be a status code`);
      statusCode = value;
    } else if (traits.httpHeader !== undefined) {
      headers[traits.httpHeader.toLowerCase()] = headerText(member, value);
    } else if (traits.httpPrefixHeaders !== undefined) {
      for (const [name, text] of Object.entries(recordOf(value, member.name))) {
        headers[`${traits.httpPrefixHeaders}${name}`.toLowerCase()] = String(text);
      }
    }
  }
  return { statusCode, headers };
}

function headerText(member: Member, value: unknown): string {
  const { shape, name } = member;
  if (shape.kind !== 'list') return formatScalar(shape, value, { path: name, timestamps: 'http-date' });
  if (!Array.isArray(value)) throw new UnfitOutput(`${name} is to be a list`);
  return value
    .map((item) => formatScalar(shape.item.shape, item, { path: name, timestamps: 'http-date' }))
    .join(', ');
}
