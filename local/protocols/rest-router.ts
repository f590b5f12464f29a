import type { WireRequest } from './http-message.ts';
import type { OperationShape, StructureShape } from './shape.ts';

/** The operation that a REST request asks for, with what its path says. */
export interface Routed {
  readonly operation: OperationShape;
  /** Decoded labels of the path. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface Router {
  route(request: WireRequest): Routed | undefined;
  /** The operation that a request would be for, had it the query parameters and headers that it lacks. */
  nearest(request: WireRequest): Routed | undefined;
}

interface Route {
  readonly operation: OperationShape;
  readonly method: string;
  /** Path segments; a label is `{Name}`, a greedy one `{Name+}` and comes last. */
  readonly segments: readonly string[];
  /** Parameters that the template fixes (`?uploads`, `?list-type=2`); an empty value is any value. */
  readonly fixedQuery: ReadonlyMap<string, string>;
  /** Which of several operations on one path the client means: the SDK says it, other clients do not. */
  readonly operationHint: string | undefined;
  readonly requiredQuery: readonly string[];
  readonly requiredHeaders: readonly string[];
}

/**
 * Finds a REST request's operation by the HTTP traits in the schemas: of all whose method, path, fixed query
 * and required query parameters and headers are there, the one that asks for most. That tells UploadPart
 * (`uploadId`, `partNumber`) from PutObject, and CopyObject (`x-amz-copy-source`) from both.
 */
export function makeRouter(
  operations: Iterable<OperationShape>,
  isSimulated: (name: string) => boolean,
): Router {
  const routes = [...operations].flatMap((operation) => routeOf(operation) ?? []);
  // Where two fit equally, the simulated one is meant: the other cannot be answered anyway.
  routes.sort((a, b) => weight(b) - weight(a) || rank(a) - rank(b));
  function rank(route: Route): number {
    return isSimulated(route.operation.name) ? 0 : 1;
  }
  function find(request: WireRequest, fits: (route: Route, query: Query) => boolean): Routed | undefined {
    const query = new Map(request.query);
    const hint = query.get('x-id');
    const segments = splitPath(request.path);
    let found: Routed | undefined;
    for (const route of routes) {
      if (route.method !== request.method || !fits(route, query)) continue;
      const labels = matchPath(route.segments, segments);
      if (!labels) continue;
      if (hint !== undefined && route.operationHint === hint) return { operation: route.operation, labels };
      found ??= { operation: route.operation, labels };
    }
    return found;
  }
  return {
    route: (request) => find(request, (route, query) => hasWhatItNeeds(route, query, request)),
    nearest: (request) => find(request, hasFixedQuery),
  };
}

type Query = ReadonlyMap<string, string>;

function weight(route: Route): number {
  return route.fixedQuery.size + route.requiredQuery.length + route.requiredHeaders.length;
}

function hasFixedQuery(route: Route, query: Query): boolean {
  for (const [name, value] of route.fixedQuery) {
    const sent = query.get(name);
    if (sent === undefined || (value !== '' && value !== sent)) return false;
  }
  return true;
}

function hasWhatItNeeds(route: Route, query: Query, request: WireRequest): boolean {
  return (
    hasFixedQuery(route, query) &&
    route.requiredQuery.every((name) => query.has(name)) &&
    route.requiredHeaders.every((name) => request.headers[name] !== undefined)
  );
}

function routeOf(operation: OperationShape): Route | undefined {
  if (!operation.http || operation.input.kind !== 'structure') return undefined;
  const [method, template] = operation.http;
  const [path = '/', queryText = ''] = template.split('?');
  const fixedQuery = new Map(new URLSearchParams(queryText));
  const operationHint = fixedQuery.get('x-id');
  fixedQuery.delete('x-id');
  const required = operation.input.members.filter((member) => member.required);
  return {
    operation,
    method,
    segments: [...labelsOutsidePath(operation.input, path), ...splitPath(path)].filter((part) => part !== ''),
    fixedQuery,
    operationHint,
    requiredQuery: required.flatMap((member) => member.traits.httpQuery ?? []),
    requiredHeaders: required.flatMap((member) => member.traits.httpHeader?.toLowerCase() ?? []),
  };
}

/** S3's bucket is a label that its templates lack, because the SDK may put it into the host: in ours it leads the path. */
function labelsOutsidePath(input: StructureShape, path: string): string[] {
  return input.members
    .filter((member) => member.traits.httpLabel && !path.includes(`{${member.name}`))
    .map((member) => `{${member.name}}`);
}

/** `/a/b/` is ['a', 'b', '']: what follows the slash may be the start of an object's key. */
function splitPath(path: string): string[] {
  return path.replace(/^\//, '').split('/');
}

function matchPath(template: readonly string[], path: readonly string[]): Record<string, string> | undefined {
  const labels: Record<string, string> = {};
  for (const [i, part] of template.entries()) {
    const label = /^\{(\w+)(\+?)\}$/.exec(part);
    if (label?.[2] === '+') {
      const rest = path.slice(i).join('/');
      if (rest === '') return undefined;
      labels[label[1] ?? ''] = decodeLabel(rest);
      return labels;
    }
    const sent = path[i];
    if (sent === undefined || (label ? sent === '' : sent !== part)) return undefined;
    if (label?.[1]) labels[label[1]] = decodeLabel(sent);
  }
  const rest = path.slice(template.length);
  return rest.every((part) => part === '') && rest.length <= 1 ? labels : undefined;
}

function decodeLabel(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Not UTF-8 or a stray percent sign: taken as it is, it names nothing that exists.
    return text;
  }
}
