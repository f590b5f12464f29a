import { UnfitInput, UnfitOutput } from './http-message.ts';
import { describe, formatTimestamp, parseBlob, parseTimestamp } from './scalars.ts';
import type { Shape, StructureShape } from './shape.ts';
import { recordOf, refuseUnknown } from './xml-write.ts';

export interface JsonPlace {
  readonly path: string;
  /** REST-JSON renames members with jsonName; JSON 1.0/1.1 does not. */
  readonly renames: boolean;
}

/**
 * A value parsed from JSON, in the SDK's types (Date, Uint8Array).
 * @throws UnfitInput
 */
export function readJson(shape: Shape, value: unknown, place: JsonPlace): unknown {
  switch (shape.kind) {
    case 'structure':
      return readJsonStructure(shape, value, place);
    case 'list':
      if (!Array.isArray(value)) throw misfit('a list', value, place);
      return value.map((item, i) =>
        readJson(shape.item.shape, item, { ...place, path: `${place.path}[${i}]` }),
      );
    case 'map':
      return mapEntries(jsonObject(value, place), (item, key) =>
        readJson(shape.value.shape, item, { ...place, path: `${place.path}.${key}` }),
      );
    case 'timestamp':
      if (typeof value === 'number' || typeof value === 'string')
        return parseTimestamp(String(value), place.path);
      throw misfit('a time', value, place);
    case 'blob':
      if (typeof value !== 'string') throw misfit('base64 text', value, place);
      return parseBlob(value, place.path);
    case 'string':
    case 'number':
    case 'boolean':
      if (typeof value !== shape.kind) throw misfit(`a ${shape.kind}`, value, place);
      return value;
    default:
      return value;
  }
}

/** Members of the structure found in `value`; members with HTTP bindings are not looked for. @throws UnfitInput */
export function readJsonStructure(
  shape: StructureShape,
  value: unknown,
  place: JsonPlace,
): Record<string, unknown> {
  const record = jsonObject(value, place);
  const out: Record<string, unknown> = {};
  for (const member of shape.members) {
    const { httpLabel, httpHeader, httpQuery, httpQueryParams, httpPrefixHeaders } = member.traits;
    if (httpLabel ?? httpHeader ?? httpQuery ?? httpQueryParams ?? httpPrefixHeaders) continue;
    const wireName = (place.renames ? member.traits.jsonName : undefined) ?? member.name;
    const path = place.path === '' ? wireName : `${place.path}.${wireName}`;
    const memberValue = Object.hasOwn(record, wireName) ? record[wireName] : undefined;
    if (memberValue === undefined || memberValue === null) {
      if (member.required) throw new UnfitInput('missing', path, `Missing required field ${path}`);
      continue;
    }
    out[member.name] = readJson(member.shape, memberValue, { ...place, path });
  }
  return out;
}

function jsonObject(value: unknown, place: JsonPlace): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw misfit('an object', value, place);
  }
  return value as Record<string, unknown>;
}

function misfit(wanted: string, value: unknown, place: JsonPlace): UnfitInput {
  return new UnfitInput(
    'invalid',
    place.path,
    `${place.path || 'The body'} must be ${wanted}, not ${describe(value)}`,
  );
}

/**
 * A value as JSON holds it: times as epoch seconds, blobs as base64.
 * @throws UnfitOutput
 */
export function writeJson(shape: Shape, value: unknown, place: JsonPlace): unknown {
  switch (shape.kind) {
    case 'structure': {
      const record = recordOf(value, place.path);
      refuseUnknown(shape, record, place.path);
      const out: Record<string, unknown> = {};
      for (const member of shape.members) {
        const { httpHeader, httpPrefixHeaders, httpPayload, httpResponseCode } = member.traits;
        if (httpHeader ?? httpPrefixHeaders ?? httpPayload ?? httpResponseCode) continue;
        const memberValue = record[member.name];
        if (memberValue === undefined || memberValue === null) continue;
        const wireName = (place.renames ? member.traits.jsonName : undefined) ?? member.name;
        out[wireName] = writeJson(member.shape, memberValue, {
          ...place,
          path: `${place.path}.${member.name}`,
        });
      }
      return out;
    }
    case 'list':
      if (!Array.isArray(value))
        throw new UnfitOutput(`${place.path} is to be a list, not ${describe(value)}`);
      return value.map((item, i) =>
        writeJson(shape.item.shape, item, { ...place, path: `${place.path}[${i}]` }),
      );
    case 'map':
      return mapEntries(recordOf(value, place.path), (item, key) =>
        writeJson(shape.value.shape, item, { ...place, path: `${place.path}.${key}` }),
      );
    default:
      return writeJsonScalar(shape, value, place);
  }
}

function writeJsonScalar(shape: Shape, value: unknown, place: JsonPlace): unknown {
  if (shape.kind === 'timestamp' && value instanceof Date) {
    const format = shape.format ?? 'epoch-seconds';
    return format === 'epoch-seconds' ? value.getTime() / 1000 : formatTimestamp(value, format);
  }
  if (shape.kind === 'blob' && value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (shape.kind === 'document') return value;
  if (shape.kind === typeof value) return value;
  throw new UnfitOutput(`${place.path} is to be a ${shape.kind}, not ${describe(value)}`);
}

/** A map with each value changed; `__proto__` as a key stays an ordinary key. */
function mapEntries(
  record: Record<string, unknown>,
  change: (value: unknown, key: string) => unknown,
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value, key)]));
}
