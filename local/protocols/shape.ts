import { NormalizedSchema } from '@smithy/core/schema';

/**
 * The shapes of inputs and outputs as the adapters need them, read once from the schemas that the SDK's client
 * packages export. Keeping our own view means that one file knows the SDK's schema classes.
 */
export type Shape =
  | {
      readonly kind:
        | 'string'
        | 'number'
        | 'boolean'
        | 'blob'
        | 'bigInteger'
        | 'bigDecimal'
        | 'document'
        | 'unit';
    }
  | { readonly kind: 'timestamp'; readonly format: TimestampFormat | undefined }
  | ListShape
  | MapShape
  | StructureShape;

export type TimestampFormat = 'date-time' | 'http-date' | 'epoch-seconds';

export interface ListShape {
  readonly kind: 'list';
  readonly item: Element;
}

export interface MapShape {
  readonly kind: 'map';
  readonly key: Element;
  readonly value: Element;
}

export interface StructureShape {
  readonly kind: 'structure';
  readonly name: string;
  readonly union: boolean;
  readonly members: readonly Member[];
}

/** A shape used somewhere, with the traits it has there. */
export interface Element {
  readonly shape: Shape;
  readonly traits: Traits;
}

export interface Member extends Element {
  readonly name: string;
  readonly required: boolean;
  /** Name of the member's XML element where it is not the payload of a message. */
  readonly xmlName: string;
}

export interface Traits {
  readonly xmlName?: string;
  readonly ec2QueryName?: string;
  readonly jsonName?: string;
  readonly xmlFlattened?: unknown;
  readonly xmlAttribute?: unknown;
  readonly xmlNamespace?: readonly [prefix: string, uri: string];
  readonly httpLabel?: unknown;
  readonly httpHeader?: string;
  readonly httpPrefixHeaders?: string;
  readonly httpQuery?: string;
  readonly httpQueryParams?: unknown;
  readonly httpPayload?: unknown;
  readonly httpResponseCode?: unknown;
  readonly streaming?: unknown;
  readonly mediaType?: string;
}

export interface OperationShape {
  readonly name: string;
  /** Method, path template with query, status code; absent in the RPC protocols. */
  readonly http: readonly [method: string, pathTemplate: string, statusCode: number] | undefined;
  readonly input: Shape;
  readonly output: Shape;
}

export interface ErrorShape {
  readonly structure: StructureShape;
  readonly httpStatusCode: number | undefined;
  /** Code on the wire of the query protocols where it differs from the shape's name. */
  readonly queryCode: string | undefined;
}

export interface ServiceShapes {
  readonly operations: ReadonlyMap<string, OperationShape>;
  readonly errors: ReadonlyMap<string, ErrorShape>;
}

/** A static schema of the SDK: `[id, namespace, name, traits, …]`; id 9 is an operation, -3 an error. */
const OPERATION_ID = 9;
const ERROR_ID = -3;

/** Reads operations and errors from a client package's exports (`import * as ec2 from '@aws-sdk/client-ec2'`). */
export function shapesOf(clientExports: Readonly<Record<string, unknown>>): ServiceShapes {
  const operations = new Map<string, OperationShape>();
  const errors = new Map<string, ErrorShape>();
  for (const [exportName, schema] of Object.entries(clientExports)) {
    if (!exportName.endsWith('$') || !Array.isArray(schema)) continue;
    const [id, , name, traits] = schema;
    if (id === OPERATION_ID) operations.set(name, lazyOperation(name, traits, schema[4], schema[5]));
    if (id === ERROR_ID) errors.set(name, lazyError(schema, traits));
  }
  return { operations, errors };
}

type SchemaReference = Parameters<typeof NormalizedSchema.of>[0];

/** Inputs and outputs are worked out when first used: EC2 has over 800 operations, of which few are called. */
function lazyOperation(
  name: string,
  traits: unknown,
  input: SchemaReference,
  output: SchemaReference,
): OperationShape {
  const http = typeof traits === 'object' && traits !== null && 'http' in traits ? traits.http : undefined;
  return {
    name,
    http: http as OperationShape['http'],
    get input() {
      return shapeOf(NormalizedSchema.of(input));
    },
    get output() {
      return shapeOf(NormalizedSchema.of(output));
    },
  };
}

function lazyError(schema: readonly unknown[], traits: unknown): ErrorShape {
  const known = typeof traits === 'object' && traits !== null ? traits : {};
  const queryError =
    'awsQueryError' in known && Array.isArray(known.awsQueryError) ? known.awsQueryError : [];
  const status = 'httpError' in known ? known.httpError : queryError[1];
  return {
    get structure() {
      // Its id said that it is an error schema, which is a structure.
      return shapeOf(NormalizedSchema.of(schema as SchemaReference)) as StructureShape;
    },
    httpStatusCode: typeof status === 'number' ? status : undefined,
    queryCode: typeof queryError[0] === 'string' ? queryError[0] : undefined,
  };
}

const SIMPLE_SHAPES = {
  string: { kind: 'string' },
  number: { kind: 'number' },
  boolean: { kind: 'boolean' },
  blob: { kind: 'blob' },
  bigInteger: { kind: 'bigInteger' },
  bigDecimal: { kind: 'bigDecimal' },
  document: { kind: 'document' },
  unit: { kind: 'unit' },
} as const satisfies Record<string, Shape>;

/** Sentinels of the SDK's schemas for timestamps with a format of their own. */
const TIMESTAMP_FORMATS = new Map<unknown, TimestampFormat>([
  [5, 'date-time'],
  [6, 'http-date'],
  [7, 'epoch-seconds'],
]);

const structures = new WeakMap<object, StructureShape>();

function shapeOf(schema: NormalizedSchema): Shape {
  if (schema.isUnitSchema()) return SIMPLE_SHAPES.unit;
  if (schema.isStructSchema()) return structureOf(schema);
  if (schema.isListSchema()) return listOf(schema);
  if (schema.isMapSchema()) return mapOf(schema);
  if (schema.isTimestampSchema()) {
    return { kind: 'timestamp', format: TIMESTAMP_FORMATS.get(schema.getSchema()) };
  }
  if (schema.isStringSchema()) return SIMPLE_SHAPES.string;
  if (schema.isNumericSchema()) return SIMPLE_SHAPES.number;
  if (schema.isBooleanSchema()) return SIMPLE_SHAPES.boolean;
  if (schema.isBlobSchema()) return SIMPLE_SHAPES.blob;
  if (schema.isBigIntegerSchema()) return SIMPLE_SHAPES.bigInteger;
  if (schema.isBigDecimalSchema()) return SIMPLE_SHAPES.bigDecimal;
  if (schema.isDocumentSchema()) return SIMPLE_SHAPES.document;
  throw new Error(
    `the SDK has a kind of schema that the local region does not know: ${schema.getName(true)}`,
  );
}

function structureOf(schema: NormalizedSchema): StructureShape {
  const key = schema.getSchema() as object;
  const known = structures.get(key);
  if (known) return known;
  const structure: StructureShape = {
    kind: 'structure',
    name: schema.getName() ?? '',
    union: schema.isUnionSchema(),
    // Members are worked out on first use, because shapes may contain themselves.
    get members() {
      const members = membersOf(schema);
      Object.defineProperty(structure, 'members', { value: members });
      return members;
    },
  };
  structures.set(key, structure);
  return structure;
}

function membersOf(schema: NormalizedSchema): Member[] {
  // A structure's static schema lists its required members first and keeps their number at index 6.
  const requiredCount = Number((schema.getSchema() as readonly unknown[])[6] ?? 0);
  return [...schema.structIterator()].map(([name, member], index) => ({
    name,
    required: index < requiredCount,
    xmlName: member.getMemberTraits().xmlName ?? name,
    shape: shapeOf(member),
    traits: member.getMergedTraits() as Traits,
  }));
}

function listOf(schema: NormalizedSchema): ListShape {
  const item = schema.getValueSchema();
  return {
    kind: 'list',
    get item() {
      const element = elementOf(item);
      Object.defineProperty(this, 'item', { value: element });
      return element;
    },
  };
}

function mapOf(schema: NormalizedSchema): MapShape {
  const value = schema.getValueSchema();
  return {
    kind: 'map',
    key: elementOf(schema.getKeySchema()),
    get value() {
      const element = elementOf(value);
      Object.defineProperty(this, 'value', { value: element });
      return element;
    },
  };
}

function elementOf(schema: NormalizedSchema): Element {
  return { shape: shapeOf(schema), traits: schema.getMergedTraits() as Traits };
}
