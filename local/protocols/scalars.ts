import { UnfitInput, UnfitOutput } from './http-message.ts';
import type { Shape, TimestampFormat } from './shape.ts';

const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;
const EPOCH_SECONDS = /^-?\d+(\.\d+)?$/;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/**
 * A scalar from the text of a header, query parameter or XML element.
 * @throws UnfitInput when the text is not of the shape
 */
export function parseScalar(shape: Shape, text: string, path: string): unknown {
  switch (shape.kind) {
    case 'string':
    case 'document':
      return text;
    case 'number':
      return parseNumber(text, path);
    case 'boolean':
      return parseBoolean(text, path);
    case 'timestamp':
      return parseTimestamp(text, path);
    case 'blob':
      return parseBlob(text, path);
    case 'bigInteger':
    case 'bigDecimal':
      if (!NUMBER.test(text)) throw new UnfitInput('invalid', path, `Value (${text}) is not a number`);
      return shape.kind === 'bigInteger' ? BigInt(text) : text;
    default:
      throw new UnfitInput('malformed', path, `Text where a ${shape.kind} belongs`);
  }
}

function parseNumber(text: string, path: string): number {
  if (!NUMBER.test(text.trim())) throw new UnfitInput('invalid', path, `Value (${text}) is not a number`);
  return Number(text);
}

function parseBoolean(text: string, path: string): boolean {
  const lower = text.trim().toLowerCase();
  if (lower === 'true' || lower === '1') return true;
  if (lower === 'false' || lower === '0') return false;
  throw new UnfitInput('invalid', path, `Value (${text}) is not a boolean`);
}

/** Any of the three forms is taken whatever the schema says: clients differ, and the forms cannot be mistaken. */
export function parseTimestamp(text: string, path: string): Date {
  const date = EPOCH_SECONDS.test(text) ? new Date(Number(text) * 1000) : new Date(text);
  if (Number.isNaN(date.getTime())) throw new UnfitInput('invalid', path, `Value (${text}) is not a time`);
  return date;
}

export function parseBlob(text: string, path: string): Uint8Array {
  const compact = text.replace(/\s/g, '');
  if (!BASE64.test(compact)) throw new UnfitInput('invalid', path, 'Value is not base64');
  return Buffer.from(compact, 'base64');
}

/** @throws UnfitOutput when the value is not of the shape */
export function formatScalar(
  shape: Shape,
  value: unknown,
  options: { readonly path: string; readonly timestamps: TimestampFormat },
): string {
  switch (shape.kind) {
    case 'string':
    case 'bigDecimal':
    case 'bigInteger':
    case 'number':
    case 'boolean':
      if (typeof value !== 'object' && typeof value === EXPECTED_TYPES[shape.kind]) return String(value);
      break;
    case 'timestamp':
      if (value instanceof Date) return formatTimestamp(value, shape.format ?? options.timestamps);
      break;
    case 'blob':
      if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
      break;
    default:
  }
  throw new UnfitOutput(`${options.path} is to be a ${shape.kind}, not ${describe(value)}`);
}

const EXPECTED_TYPES = {
  string: 'string',
  bigDecimal: 'string',
  bigInteger: 'bigint',
  number: 'number',
  boolean: 'boolean',
} as const;

export function formatTimestamp(time: Date, format: TimestampFormat): string {
  if (format === 'http-date') return time.toUTCString();
  if (format === 'epoch-seconds') return String(time.getTime() / 1000);
  return time.toISOString();
}

export function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `${typeof value} ${String(value).slice(0, 40)}`;
}
