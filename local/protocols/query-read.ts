import { UnfitInput } from './http-message.ts';
import { parseScalar } from './scalars.ts';
import type { Element, ListShape, MapShape, Shape, StructureShape } from './shape.ts';

/** Parameters of a form body as a tree: `Filter.1.Value.2=x` is Filter → 1 → Value → 2. */
interface ParameterNode {
  value?: string;
  readonly children: Map<string, ParameterNode>;
}

/** The two dialects differ in how they name members and lists. */
export type QueryDialect = 'ec2' | 'aws';

export interface QueryReader {
  readonly dialect: QueryDialect;
  readonly input: Shape;
  /** Decoded parameters of the request, Action and Version among them. */
  readonly parameters: Iterable<readonly [name: string, value: string]>;
}

/** Parameters that belong to the protocol or to signing, not to the input. */
const PROTOCOL_PARAMETER = /^(Action|Version|AWSAccessKeyId|Signature(Version|Method)?|Timestamp|X-Amz-.*)$/i;
/** The deepest EC2 input is far less; the limit keeps a hostile name from nesting without end. */
const MAX_DEPTH = 32;

/**
 * The input that a query request's parameters spell.
 * @throws UnfitInput when a parameter is unknown, missing or not of its shape
 */
export function readQueryInput({ dialect, input, parameters }: QueryReader): Record<string, unknown> {
  const root = buildTree(parameters);
  if (input.kind !== 'structure') return {};
  return readStructure(input, root, { dialect, path: '' });
}

function buildTree(parameters: QueryReader['parameters']): ParameterNode {
  const root: ParameterNode = { children: new Map() };
  for (const [name, value] of parameters) {
    if (PROTOCOL_PARAMETER.test(name)) continue;
    const parts = name.split('.', MAX_DEPTH + 1);
    if (parts.length > MAX_DEPTH) {
      throw new UnfitInput('unknown', name.slice(0, 100), 'The parameter is nested too deeply');
    }
    let node = root;
    for (const part of parts) {
      let child = node.children.get(part);
      if (!child) {
        child = { children: new Map() };
        node.children.set(part, child);
      }
      node = child;
    }
    node.value = value;
  }
  return root;
}

interface Place {
  readonly dialect: QueryDialect;
  readonly path: string;
}

function read(shape: Shape, node: ParameterNode, place: Place): unknown {
  switch (shape.kind) {
    case 'structure':
      return readStructure(shape, node, place);
    case 'list':
      return readList(shape, node, { ...place, flat: false });
    case 'map':
      return readMap(shape, node, { ...place, flat: false });
    default:
      if (node.children.size > 0 || node.value === undefined) {
        throw new UnfitInput('unknown', below(place.path, firstKey(node)), 'The parameter is not recognized');
      }
      return parseScalar(shape, node.value, place.path);
  }
}

function readStructure(shape: StructureShape, node: ParameterNode, place: Place): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  const known = new Set<string>();
  for (const member of shape.members) {
    const wireName = parameterName(member, place.dialect);
    known.add(wireName);
    const child = node.children.get(wireName);
    const path = below(place.path, wireName);
    if (!child) {
      if (member.required) throw new UnfitInput('missing', path, `The parameter ${path} is required`);
      continue;
    }
    const here = { dialect: place.dialect, path };
    const flat = member.traits.xmlFlattened !== undefined;
    if (member.shape.kind === 'list') out[member.name] = readList(member.shape, child, { ...here, flat });
    else if (member.shape.kind === 'map') out[member.name] = readMap(member.shape, child, { ...here, flat });
    else out[member.name] = read(member.shape, child, here);
  }
  for (const name of node.children.keys()) {
    if (!known.has(name)) {
      const path = below(place.path, name);
      throw new UnfitInput('unknown', path, `The parameter ${path} is not recognized`);
    }
  }
  return out;
}

/** Name of a structure's member on the wire (Smithy: aws.protocols#ec2QueryName, awsQuery serialization). */
function parameterName(member: { name: string; xmlName: string } & Element, dialect: QueryDialect): string {
  if (dialect === 'aws') return member.traits.xmlName ?? member.name;
  const name = member.traits.ec2QueryName ?? member.traits.xmlName ?? member.name;
  return name.charAt(0).toUpperCase() + name.slice(1);
}

type ListPlace = Place & { readonly flat: boolean };

function readList(shape: ListShape, node: ParameterNode, place: ListPlace): unknown[] {
  // `Names=` is how the query protocol spells an empty list.
  if (node.children.size === 0) {
    if (node.value === '') return [];
    throw new UnfitInput(
      'invalid',
      place.path,
      `The parameter ${place.path} is a list: name its items .1, .2…`,
    );
  }
  const flat = place.flat || place.dialect === 'ec2';
  const itemName = shape.item.traits.xmlName ?? 'member';
  const items = flat ? node : node.children.get(itemName);
  if (!items || (!flat && node.children.size > 1)) {
    throw new UnfitInput('unknown', below(place.path, firstKey(node)), 'The parameter is not recognized');
  }
  return inOrder(items, place.path).map(([index, child]) =>
    read(shape.item.shape, child, { dialect: place.dialect, path: below(place.path, index) }),
  );
}

function readMap(shape: MapShape, node: ParameterNode, place: ListPlace): Record<string, unknown> {
  const entries = place.flat ? node : node.children.get('entry');
  const out: Record<string, unknown> = {};
  if (!entries) return out;
  for (const [index, entry] of inOrder(entries, place.path)) {
    const path = below(place.path, index);
    const key = entry.children.get(shape.key.traits.xmlName ?? 'key')?.value;
    const value = entry.children.get(shape.value.traits.xmlName ?? 'value');
    if (key === undefined || !value) throw new UnfitInput('missing', path, `${path} needs a key and a value`);
    Object.defineProperty(out, key, {
      value: read(shape.value.shape, value, { dialect: place.dialect, path }),
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return out;
}

function inOrder(node: ParameterNode, path: string): [string, ParameterNode][] {
  const entries = [...node.children];
  for (const [index] of entries) {
    if (!/^\d{1,9}$/.test(index)) {
      const name = below(path, index);
      throw new UnfitInput('unknown', name, `The parameter ${name} is not recognized`);
    }
  }
  return entries.sort(([a], [b]) => Number(a) - Number(b));
}

function below(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function firstKey(node: ParameterNode): string {
  return node.children.keys().next().value ?? '';
}
