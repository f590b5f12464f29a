import { NormalizedSchema } from '@smithy/core/schema';
import fc from 'fast-check';

/** Where a value travels decides which characters it can be made of. */
type Place = 'body' | 'header' | 'headerItem' | 'headerName' | 'query' | 'label';

export interface ValueOptions {
  /** Values that members of these names always have, where the schema does not tell what a value must look like. */
  readonly fixed: Readonly<Record<string, unknown>>;
  /** Text that XML can hold only: no control characters. */
  readonly xml: boolean;
  /** Whether strings may be empty or begin and end with blanks. */
  readonly blanks: boolean;
  /** Whether structures may be empty: the query protocols have no way to write those. */
  readonly empties: boolean;
}

type SchemaReference = Parameters<typeof NormalizedSchema.of>[0];

/** Values that fit a schema of the SDK, as the SDK's types have them. Reads the schema on its own, not through `local/`. */
export function arbitraryFor(
  schema: SchemaReference,
  options: ValueOptions,
): fc.Arbitrary<Record<string, unknown>> {
  const normalized = NormalizedSchema.of(schema);
  if (!normalized.isStructSchema()) return fc.constant({});
  return structure(normalized, options, 3);
}

function structure(
  schema: NormalizedSchema,
  options: ValueOptions,
  depth: number,
): fc.Arbitrary<Record<string, unknown>> {
  const declared = Number((schema.getSchema() as readonly unknown[])[6] ?? 0);
  const requiredCount = options.empties ? declared : Math.max(1, declared);
  const members = [...schema.structIterator()].filter(([, member]) => !member.getMergedTraits().xmlAttribute);
  const fields = members.map(([name, member], i) => {
    const required = i < requiredCount;
    if (Object.hasOwn(options.fixed, name)) return [name, fc.constant(options.fixed[name])] as const;
    const worth = value(member, options, depth - 1);
    return [name, required ? worth : fc.option(worth, { freq: 1, nil: undefined })] as const;
  });
  if (schema.isUnionSchema()) {
    return fc.oneof(
      ...members.map(([name, member]) => value(member, options, depth - 1).map((one) => ({ [name]: one }))),
    );
  }
  // Beyond the depth only what must be there, else shapes that hold themselves would never end.
  const kept = depth > 0 ? fields : fields.slice(0, requiredCount);
  return fc.record(Object.fromEntries(kept));
}

function value(schema: NormalizedSchema, options: ValueOptions, depth: number): fc.Arbitrary<unknown> {
  const place = placeOf(schema);
  if (schema.isStreaming()) return fc.uint8Array({ minLength: 1, maxLength: 32 });
  if (schema.isListSchema()) {
    if (depth < 0) return fc.constant([]);
    const item =
      place === 'header' ? text('headerItem', options) : value(schema.getValueSchema(), options, depth - 1);
    return fc.array(item, { minLength: 1, maxLength: 3 });
  }
  if (schema.isMapSchema()) {
    const key = place === 'header' ? text('headerName', options) : fc.stringMatching(/^[a-zA-Z][\w-]{0,8}$/);
    const item =
      place === 'header' ? text('header', options) : value(schema.getValueSchema(), options, depth - 1);
    return fc.dictionary(key, item, { minKeys: 1, maxKeys: 3, noNullPrototype: true });
  }
  if (schema.isStructSchema()) return structure(schema, options, depth);
  if (schema.isTimestampSchema()) {
    return fc.integer({ min: 946_684_800, max: 4_102_444_800 }).map((seconds) => new Date(seconds * 1000));
  }
  if (schema.isBooleanSchema()) return fc.boolean();
  if (schema.isNumericSchema()) return fc.integer({ min: -2_147_483_648, max: 2_147_483_647 });
  if (schema.isBlobSchema()) return fc.uint8Array({ minLength: 1, maxLength: 16 });
  if (schema.isDocumentSchema()) return fc.constant({ a: 1, b: ['x'] });
  if (schema.isStringSchema()) return text(place, options);
  throw new Error(`no values for ${schema.getName(true)}`);
}

function placeOf(schema: NormalizedSchema): Place {
  const { httpHeader, httpPrefixHeaders, httpQuery, httpLabel } = schema.getMergedTraits();
  if (httpHeader ?? httpPrefixHeaders) return 'header';
  if (httpQuery) return 'query';
  return httpLabel ? 'label' : 'body';
}

const WORDS = /^[\x21-\x7e]([\x20-\x7e]{0,10}[\x21-\x7e])?$/;
const ITEM = /^[\w-]{1,10}$/;
const NAME = /^[a-z][a-z0-9-]{0,8}$/;

function text(place: Place, options: ValueOptions): fc.Arbitrary<string> {
  if (place === 'header') return fc.stringMatching(WORDS);
  if (place === 'headerItem') return fc.stringMatching(ITEM);
  if (place === 'headerName') return fc.stringMatching(NAME);
  const any = fc.string({ unit: 'binary', maxLength: 12 });
  const clean = options.xml ? any.map(withoutControls) : any;
  if (place === 'label' || !options.blanks) {
    return clean.map((characters) => characters.trim()).filter((characters) => characters !== '');
  }
  return clean;
}

/** XML 1.0 has no way to write these. */
function withoutControls(characters: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones meant
  return characters.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '');
}
