import { runtimeFailure } from './failure.ts';
import type { Expression } from './intrinsics.ts';
import { evaluate, InvalidExpression, parseExpression, pathsIn } from './intrinsics.ts';
import type { Json } from './json.ts';
import { isJsonObject } from './json.ts';
import type { Path } from './paths.ts';
import { valueAt } from './paths.ts';

/** The context object (`$$`) of a running state. */
export interface ContextObject {
  readonly Execution: {
    readonly Id: string;
    readonly Name: string;
    readonly Input: Json;
    readonly StartTime: string;
    readonly RoleArn: string;
  };
  readonly StateMachine: { readonly Id: string; readonly Name: string };
  readonly State: { readonly Name: string };
  readonly Map?: { readonly Item: { readonly Index: number; readonly Value: Json } };
}

/** A payload template (Parameters, ItemSelector, ResultSelector), ready to be filled. */
export type Template = (data: Json, context: ContextObject) => Json;

/** What `$$` paths may begin with; the context object of AWS has more that is not simulated. */
const CONTEXT =
  /^\$\$(\.Execution\.(Id|Name|Input|StartTime|RoleArn)|\.StateMachine\.(Id|Name)|\.State\.Name)(?![\w])/;
const ITEM_CONTEXT = /^\$\$\.Map\.Item\.(Index|Value)(?![\w])/;

export interface TemplateOptions {
  /** Whether `$$.Map.Item` is there: in ItemSelector only. */
  readonly mapItem: boolean;
  /** Reports a problem at a place within the template. */
  readonly problem: (place: string, message: string) => void;
}

/** Checks the template and makes it ready; what is wrong with it is reported, not thrown. */
export function compileTemplate(template: Json, place: string, options: TemplateOptions): Template {
  if (Array.isArray(template)) {
    const items = template.map((item, index) => compileTemplate(item, `${place}[${index}]`, options));
    return (data, context) => items.map((item) => item(data, context));
  }
  if (!isJsonObject(template)) return () => template;
  const fields = Object.entries(template).map(([key, value]) => compileField(key, value, place, options));
  return (data, context) => Object.fromEntries(fields.map(({ name, fill }) => [name, fill(data, context)]));
}

function compileField(
  key: string,
  value: Json,
  place: string,
  options: TemplateOptions,
): { name: string; fill: Template } {
  if (!key.endsWith('.$')) return { name: key, fill: compileTemplate(value, `${place}.${key}`, options) };
  const name = key.slice(0, -2);
  const expression = compileExpression(value, `${place}.${key}`, options);
  return { name, fill: (data, context) => fillExpression(expression, { field: key, data, context }) };
}

const NOTHING: Expression = { kind: 'literal', value: null };

/** Checks a path or intrinsic function; what is wrong with it is reported, not thrown. */
export function compileExpression(value: Json, place: string, options: TemplateOptions): Expression {
  if (typeof value !== 'string') {
    options.problem(place, 'must be a path or an intrinsic function');
    return NOTHING;
  }
  try {
    const expression = parseExpression(value);
    for (const path of pathsIn(expression)) {
      if (path.root !== '$$' || CONTEXT.test(path.text)) continue;
      if (options.mapItem && ITEM_CONTEXT.test(path.text)) continue;
      options.problem(place, `${path.text} of the context object is not simulated here`);
    }
    return expression;
  } catch (error) {
    if (!(error instanceof InvalidExpression)) throw error;
    options.problem(place, error.message);
    return NOTHING;
  }
}

/** @throws StateFailure States.Runtime when a path points nowhere, States.IntrinsicFailure */
export function fillExpression(
  expression: Expression,
  { field, data, context }: { field: string; data: Json; context: ContextObject },
): Json {
  return evaluate(expression, (path) => resolve(path, { field, data, context }));
}

function resolve(
  path: Path,
  { field, data, context }: { field: string; data: Json; context: ContextObject },
): Json {
  const root: Json = path.root === '$' ? data : contextAsJson(context);
  const value = valueAt(path, root);
  if (value !== undefined) return value;
  throw runtimeFailure(
    `An error occurred while executing the state '${context.State.Name}'. The JSONPath '${path.text}' specified for the ` +
      `field '${field}' could not be found in the input '${JSON.stringify(root)}'`,
  );
}

function contextAsJson({ Execution, StateMachine, State, Map: map }: ContextObject): Json {
  return {
    Execution: { ...Execution },
    StateMachine: { ...StateMachine },
    State: { ...State },
    ...(map ? { Map: { Item: { ...map.Item } } } : {}),
  };
}
