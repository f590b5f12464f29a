import type { Filter } from '@aws-sdk/client-ec2';
import { invalidCombination, invalidValue } from './errors.ts';
import { checkId, RESOURCE_KINDS, type ResourceKindName } from './ids.ts';
import type { Tag } from './records.ts';

export type FilterValue = string | number | boolean | undefined | readonly (string | undefined)[];

/** What each filter name of an operation looks at. */
export type FilterTable<T> = Readonly<Record<string, (item: T) => FilterValue>>;

/** `*` and `?` are wildcards, a backslash takes their meaning away; everything else is literal, case and all. */
export function parsePattern(pattern: string): RegExp {
  const source = pattern.replace(/\\([*?\\])|[\s\S]/gu, (char: string, escaped?: string) => {
    if (escaped !== undefined) return `\\${escaped}`;
    if (char === '*') return '[\\s\\S]*';
    if (char === '?') return '[\\s\\S]';
    return char.replace(/[.+^${}()|[\]\\/]/u, '\\$&');
  });
  return new RegExp(`^${source}$`, 'u');
}

const asTexts = (value: FilterValue): string[] =>
  (Array.isArray(value) ? value : [value]).filter((each) => each !== undefined).map(String);

function tagFilter(name: string): ((tags: readonly Tag[]) => string[]) | undefined {
  if (name === 'tag-key') return (tags) => tags.map((tag) => tag.Key);
  if (name === 'tag-value') return (tags) => tags.map((tag) => tag.Value);
  if (!name.startsWith('tag:')) return undefined;
  const key = name.slice('tag:'.length);
  return (tags) => tags.filter((tag) => tag.Key === key).map((tag) => tag.Value);
}

/**
 * The test that a request's filters ask for: every filter must hold, each by any of its values.
 * @throws InvalidParameterValue for a filter the operation does not know or one without values
 */
export function makeFilter<T>(
  filters: readonly Filter[] | undefined,
  table: FilterTable<T>,
  tagsOf?: (item: T) => readonly Tag[],
): (item: T) => boolean {
  const tests = (filters ?? []).map(({ Name: name, Values: values }) => {
    if (!name) throw invalidValue('A filter has no name');
    if (!values || values.length === 0) throw invalidValue(`The filter '${name}' has no values`);
    const patterns = values.map(parsePattern);
    const ofTags = tagsOf && tagFilter(name);
    const look = ofTags && tagsOf ? (item: T) => ofTags(tagsOf(item)) : table[name];
    if (!look) throw invalidValue(`The filter '${name}' is invalid`);
    return (item: T) => asTexts(look(item)).some((text) => patterns.some((pattern) => pattern.test(text)));
  });
  return (item) => tests.every((test) => test(item));
}

export interface PageRequest {
  readonly MaxResults?: number | undefined;
  readonly NextToken?: string | undefined;
}

/** Smallest and largest MaxResults that an operation takes. */
export interface PageLimits {
  readonly min: number;
  readonly max: number;
}

const USUAL_LIMITS: PageLimits = { min: 5, max: 1000 };

/**
 * One page of `items` (in ascending order of `seqOf`). The token names a position, not a count, so that removing
 * items between two pages skips nothing.
 * @throws InvalidParameterValue, InvalidNextToken-like errors in EC2's words
 */
export function paginate<T>(
  items: readonly T[],
  request: PageRequest,
  options: { readonly seqOf: (item: T) => number; readonly limits?: PageLimits },
): { page: T[]; NextToken?: string } {
  const { seqOf, limits = USUAL_LIMITS } = options;
  const { MaxResults: size, NextToken: token } = request;
  if (size !== undefined && (size < limits.min || size > limits.max)) {
    throw invalidValue(
      size < limits.min
        ? `Value ( ${size} ) for parameter maxResults is invalid. Expecting a value greater than or equal to ${limits.min}.`
        : `Value ( ${size} ) for parameter maxResults is invalid. Expecting a value less than or equal to ${limits.max}.`,
    );
  }
  const after = token ? parseToken(token) : -1;
  const rest = items.filter((item) => seqOf(item) > after);
  const page = size === undefined ? rest : rest.slice(0, size);
  const last = page.at(-1);
  return last !== undefined && page.length < rest.length
    ? { page, NextToken: makeToken(seqOf(last)) }
    : { page };
}

const TOKEN_MARK = 'landfall-page:';

const makeToken = (seq: number): string => Buffer.from(`${TOKEN_MARK}${seq}`).toString('base64url');

function parseToken(token: string): number {
  const text = Buffer.from(token, 'base64url').toString();
  const seq = text.startsWith(TOKEN_MARK) ? Number(text.slice(TOKEN_MARK.length)) : Number.NaN;
  if (!Number.isInteger(seq)) throw invalidValue(`The token '${token}' is invalid`);
  return seq;
}

interface Numbered {
  readonly id: string;
  readonly seq: number;
}

/** What a Describe operation over a table has in common with all others. */
export interface Description<T extends Numbered> {
  readonly kind: ResourceKindName;
  readonly items: readonly T[];
  readonly ids?: readonly string[] | undefined;
  readonly request: PageRequest & { readonly Filters?: readonly Filter[] | undefined };
  readonly filters: FilterTable<T>;
  readonly tagsOf?: (item: T) => readonly Tag[];
  /** Leaves out more, without taking what is left out for missing. */
  readonly where?: (item: T) => boolean;
  readonly limits?: PageLimits;
}

/**
 * The items that a Describe request asks for: by id (all must exist), by filter, by page.
 * @throws the kind's not-found and malformed errors, InvalidParameterCombination for ids with MaxResults
 */
export function describe<T extends Numbered>(description: Description<T>): { page: T[]; NextToken?: string } {
  const { kind, items, ids = [], request, filters, tagsOf, where = () => true, limits } = description;
  if (ids.length > 0 && request.MaxResults !== undefined) {
    throw invalidCombination(`The parameter ${kind}sSet cannot be used with the parameter maxResults`);
  }
  const passes = makeFilter(request.Filters, filters, tagsOf);
  const chosen = ids.length > 0 ? chooseByIds(kind, items, ids) : items;
  const shown = chosen.filter((item) => where(item) && passes(item));
  return paginate(shown, request, {
    seqOf: (item) => item.seq,
    ...(limits ? { limits } : {}),
  });
}

function chooseByIds<T extends Numbered>(
  kind: ResourceKindName,
  items: readonly T[],
  ids: readonly string[],
): readonly T[] {
  const wanted = new Set(ids.map((id) => checkId(kind, id)));
  const chosen = items.filter((item) => wanted.has(item.id));
  if (chosen.length < wanted.size) {
    const found = new Set(chosen.map((item) => item.id));
    throw RESOURCE_KINDS[kind].notFound([...wanted].filter((id) => !found.has(id)));
  }
  return chosen;
}
