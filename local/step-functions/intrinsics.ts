import { createHash, randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { intrinsicFailure } from './failure.ts';
import type { Json } from './json.ts';
import { isJsonObject, parseJson } from './json.ts';
import type { Path } from './paths.ts';
import { parsePath } from './paths.ts';

/**
 * Intrinsic functions are evaluated here, not by the interpreter library, which drops every backslash of a string result.
 * https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
 */
export type Expression =
  | { readonly kind: 'path'; readonly path: Path }
  | { readonly kind: 'literal'; readonly value: Json }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] };

type Intrinsic = (...args: Json[]) => Json;

interface Definition {
  readonly run: Intrinsic;
  readonly arity: readonly [least: number, most: number];
}

const ARRAY_ITEMS = 1000;
const HASH_CHARACTERS = 10_000;
const HASHES: Readonly<Record<string, string>> = {
  MD5: 'md5',
  'SHA-1': 'sha1',
  'SHA-256': 'sha256',
  'SHA-384': 'sha384',
  'SHA-512': 'sha512',
};

const INTRINSICS: Readonly<Record<string, Definition>> = {
  'States.Array': { arity: [0, 1000], run: (...items) => items },
  'States.ArrayContains': {
    arity: [2, 2],
    run: (array, item) => asArray(array).some((other) => isDeepStrictEqual(other, item)),
  },
  'States.ArrayGetItem': {
    arity: [2, 2],
    run: (array, index) => {
      const item = asArray(array)[asInteger(index)];
      if (item === undefined) throw intrinsicFailure(`there is no item ${String(index)} in the array`);
      return item;
    },
  },
  'States.ArrayLength': { arity: [1, 1], run: (array) => asArray(array).length },
  'States.ArrayPartition': {
    arity: [2, 2],
    run: (array, size) => partition(asArray(array), asInteger(size)),
  },
  'States.ArrayRange': {
    arity: [3, 3],
    run: (from, to, step) => range(asInteger(from), asInteger(to), asInteger(step)),
  },
  'States.ArrayUnique': {
    arity: [1, 1],
    run: (array) =>
      asArray(array).filter(
        (item, at, all) => all.findIndex((other) => isDeepStrictEqual(other, item)) === at,
      ),
  },
  'States.Base64Encode': { arity: [1, 1], run: (text) => Buffer.from(asString(text)).toString('base64') },
  'States.Base64Decode': {
    arity: [1, 1],
    run: (text) => Buffer.from(asString(text), 'base64').toString('utf8'),
  },
  'States.Format': { arity: [1, 1000], run: (template, ...values) => format(asString(template), values) },
  'States.Hash': { arity: [2, 2], run: (data, algorithm) => hash(data, asString(algorithm)) },
  'States.JsonMerge': { arity: [3, 3], run: merge },
  'States.JsonToString': { arity: [1, 1], run: (value) => JSON.stringify(value) },
  // Rounded half up, as recorded from AWS: 1.5 + 1.51 is 4, -1.5 + 0 is -1.
  'States.MathAdd': { arity: [2, 2], run: (a, b) => Math.round(asNumber(a)) + Math.round(asNumber(b)) },
  'States.StringSplit': {
    arity: [2, 2],
    run: (text, separators) => split(asString(text), asString(separators)),
  },
  'States.StringToJson': { arity: [1, 1], run: (text) => fromText(asString(text)) },
  'States.UUID': { arity: [0, 0], run: () => randomUUID() },
};

/** A problem with an expression, found when the definition is loaded. */
export class InvalidExpression extends Error {
  override readonly name = 'InvalidExpression';
}

/** Parses a path or an intrinsic function call. @throws InvalidExpression */
export function parseExpression(text: string): Expression {
  const reader = { text, at: 0 };
  const expression = readExpression(reader);
  skipSpace(reader);
  if (reader.at < text.length)
    throw new InvalidExpression(`unexpected "${text.slice(reader.at)}" in ${text}`);
  if (expression.kind === 'literal')
    throw new InvalidExpression(`${text} is neither a path nor an intrinsic function`);
  return expression;
}

/** @throws StateFailure when the function cannot work on these arguments */
export function evaluate(expression: Expression, resolve: (path: Path) => Json): Json {
  switch (expression.kind) {
    case 'literal':
      return expression.value;
    case 'path':
      return resolve(expression.path);
    case 'call':
      return definitionOf(expression.name).run(...expression.args.map((arg) => evaluate(arg, resolve)));
  }
}

/** Every path in the expression. */
export function pathsIn(expression: Expression): Path[] {
  if (expression.kind === 'path') return [expression.path];
  return expression.kind === 'call' ? expression.args.flatMap(pathsIn) : [];
}

interface Reader {
  readonly text: string;
  at: number;
}

function readExpression(reader: Reader): Expression {
  skipSpace(reader);
  const rest = reader.text.slice(reader.at);
  if (rest.startsWith('$')) return { kind: 'path', path: readPath(reader, rest) };
  if (rest.startsWith("'")) return { kind: 'literal', value: readString(reader) };
  const call = /^(States\.\w+)\s*\(/.exec(rest);
  if (call?.[1]) return readCall(reader, call[1], call[0].length);
  const literal = /^(-?\d+(?:\.\d+)?|true|false|null)(?=\s*[,)])/.exec(rest);
  if (!literal?.[1]) throw new InvalidExpression(`cannot read "${rest}" in ${reader.text}`);
  reader.at += literal[1].length;
  return { kind: 'literal', value: parseJson(literal[1]) };
}

function readPath(reader: Reader, rest: string): Path {
  const text = /^\$\$?(?:\.\w+|\['[^']*'\]|\[[^\]']*\])*/.exec(rest)?.[0] ?? '';
  const path = parsePath(text);
  if (!path)
    throw new InvalidExpression(
      `${reader.text}: only reference paths are simulated ($.a.b, $.a[0], $['a-b'])`,
    );
  reader.at += text.length;
  return path;
}

/** A quoted string; `\'`, `\{`, `\}` and `\\` stand for the character after the backslash. */
function readString(reader: Reader): string {
  let value = '';
  for (let at = reader.at + 1; at < reader.text.length; at += 1) {
    const character = reader.text.charAt(at);
    if (character === "'") {
      reader.at = at + 1;
      return value;
    }
    // Braces keep their backslash: only States.Format knows whether they are a placeholder.
    if (character === '\\') {
      at += 1;
      const escaped = reader.text.charAt(at);
      value += escaped === '{' || escaped === '}' ? `\\${escaped}` : escaped;
    } else value += character;
  }
  throw new InvalidExpression(`a string is not closed in ${reader.text}`);
}

function readCall(reader: Reader, name: string, headLength: number): Expression {
  const definition = INTRINSICS[name];
  if (!definition) throw new InvalidExpression(`intrinsic function ${name} is not simulated`);
  reader.at += headLength;
  const args: Expression[] = [];
  for (;;) {
    skipSpace(reader);
    if (reader.text.charAt(reader.at) === ')' && args.length === 0) break;
    args.push(readExpression(reader));
    skipSpace(reader);
    const separator = reader.text.charAt(reader.at);
    if (separator === ')') break;
    if (separator !== ',')
      throw new InvalidExpression(`expected "," or ")" after an argument in ${reader.text}`);
    reader.at += 1;
  }
  reader.at += 1;
  const [least, most] = definition.arity;
  if (args.length < least || args.length > most) {
    throw new InvalidExpression(`${name} cannot take ${args.length} arguments`);
  }
  return { kind: 'call', name, args };
}

function skipSpace(reader: Reader): void {
  while (reader.text.charAt(reader.at) === ' ') reader.at += 1;
}

function definitionOf(name: string): Definition {
  const definition = INTRINSICS[name];
  if (!definition) throw new InvalidExpression(`intrinsic function ${name} is not simulated`);
  return definition;
}

function asArray(value: Json | undefined): Json[] {
  if (!Array.isArray(value)) throw intrinsicFailure(`${JSON.stringify(value)} is not an array`);
  return value;
}

function asString(value: Json | undefined): string {
  if (typeof value !== 'string') throw intrinsicFailure(`${JSON.stringify(value)} is not a string`);
  return value;
}

function asNumber(value: Json | undefined): number {
  if (typeof value !== 'number') throw intrinsicFailure(`${JSON.stringify(value)} is not a number`);
  return value;
}

function asInteger(value: Json | undefined): number {
  if (!Number.isSafeInteger(value)) throw intrinsicFailure(`${JSON.stringify(value)} is not an integer`);
  return Number(value);
}

function partition(array: Json[], size: number): Json[] {
  if (size < 1) throw intrinsicFailure(`a chunk of ${size} items cannot be made`);
  const chunks: Json[] = [];
  for (let at = 0; at < array.length; at += size) chunks.push(array.slice(at, at + size));
  return chunks;
}

function range(from: number, to: number, step: number): Json[] {
  if (step === 0) throw intrinsicFailure('the step of a range cannot be 0');
  const count = Math.max(0, Math.floor((to - from) / step) + 1);
  if (count > ARRAY_ITEMS)
    throw intrinsicFailure(`a range of ${count} items is over the limit of ${ARRAY_ITEMS}`);
  return Array.from({ length: count }, (_item, index) => from + index * step);
}

function format(template: string, values: Json[]): string {
  const parts = template.split(/(?<!\\)\{\}/);
  if (parts.length !== values.length + 1) {
    throw intrinsicFailure(
      `States.Format has ${parts.length - 1} placeholders for ${values.length} arguments`,
    );
  }
  return parts
    .map(
      (part, index) => part.replace(/\\([{}])/g, '$1') + (index < values.length ? asText(values[index]) : ''),
    )
    .join('');
}

function asText(value: Json | undefined): string {
  if (typeof value === 'string') return value;
  // AWS prints arrays and objects in a form of its own, not as JSON.
  if (value === undefined || typeof value === 'object') {
    if (value === null) return 'null';
    throw intrinsicFailure('States.Format cannot print an array or object: use States.JsonToString');
  }
  return String(value);
}

function hash(data: Json | undefined, algorithm: string): string {
  const name = HASHES[algorithm];
  if (!name)
    throw intrinsicFailure(`hash algorithm ${algorithm} is not one of ${Object.keys(HASHES).join(', ')}`);
  const text = typeof data === 'string' ? data : JSON.stringify(data);
  if (text.length > HASH_CHARACTERS)
    throw intrinsicFailure(`States.Hash takes at most ${HASH_CHARACTERS} characters`);
  return createHash(name).update(text).digest('hex');
}

function merge(a: Json | undefined, b: Json | undefined, deep: Json | undefined): Json {
  if (!isJsonObject(a) || !isJsonObject(b)) throw intrinsicFailure('States.JsonMerge takes two objects');
  if (deep !== false)
    throw intrinsicFailure('States.JsonMerge merges only shallowly: the third argument must be false');
  return { ...a, ...b };
}

function split(text: string, separators: string): string[] {
  const escaped = separators.replace(/[\\\]^-]/g, '\\$&');
  return text.split(new RegExp(`[${escaped}]+`)).filter((part) => part !== '');
}

function fromText(text: string): Json {
  // AWS answers null for blank text.
  if (text.trim() === '') return null;
  try {
    return parseJson(text);
  } catch {
    throw intrinsicFailure(`States.StringToJson: ${JSON.stringify(text.slice(0, 200))} is not JSON`);
  }
}
