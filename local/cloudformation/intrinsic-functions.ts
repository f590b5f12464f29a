import type { Value } from './template.ts';
import { isList, isObject } from './template.ts';

/** A value that cannot be resolved; the message names the intrinsic function and its argument. */
export class UnresolvableValue extends Error {
  override readonly name = 'UnresolvableValue';
}

/** What the intrinsic functions ask of the template around them. Each throws {@link UnresolvableValue}. */
export interface Surroundings {
  resolve(value: Value): Value | undefined;
  ref(name: string): Value | undefined;
  attribute(logicalId: string, name: string): Value;
  condition(name: string): boolean;
  mapped(map: string, top: string, second: string): Value;
}

type Intrinsic = (argument: Value, surroundings: Surroundings) => Value | undefined;

/** CloudFormation's intrinsic functions, but for those that need another stack or the account. */
export const INTRINSIC_FUNCTIONS: Readonly<Record<string, Intrinsic>> = {
  Ref: (argument, { ref }) => ref(String(argument)),
  'Fn::GetAtt': (argument, { attribute }) => {
    const [logicalId = '', ...name] = isList(argument) ? argument.map(String) : String(argument).split('.');
    return attribute(logicalId, name.join('.'));
  },
  'Fn::Sub': substitute,
  'Fn::Join': (argument, surroundings) => {
    const [separator = '', parts = []] = args(argument, 2, 'Fn::Join');
    return list(parts, 'Fn::Join', surroundings)
      .map((part) => text(part, 'a part of Fn::Join', surroundings))
      .join(String(separator));
  },
  'Fn::Split': (argument, surroundings) => {
    const [separator = '', value = ''] = args(argument, 2, 'Fn::Split');
    return text(value, 'Fn::Split', surroundings).split(String(separator));
  },
  'Fn::Select': (argument, surroundings) => {
    const [index = 0, items = []] = args(argument, 2, 'Fn::Select');
    const item = list(items, 'Fn::Select', surroundings)[Number(text(index, 'Fn::Select', surroundings))];
    if (item === undefined)
      throw new UnresolvableValue(`Fn::Select: there is no item ${JSON.stringify(index)}`);
    return item;
  },
  'Fn::FindInMap': (argument, surroundings) => {
    const parts = args(argument, 3, 'Fn::FindInMap').map((part) => text(part, 'Fn::FindInMap', surroundings));
    const [map = '', top = '', second = ''] = parts;
    return surroundings.mapped(map, top, second);
  },
  'Fn::If': (argument, { condition, resolve }) => {
    const [name = '', yes = null, no = null] = args(argument, 3, 'Fn::If');
    return resolve(condition(String(name)) ? yes : no);
  },
  'Fn::Equals': (argument, { resolve }) => {
    const [a, b] = args(argument, 2, 'Fn::Equals').map((part) => JSON.stringify(resolve(part)));
    return a === b;
  },
  'Fn::Not': (argument, surroundings) => list(argument, 'Fn::Not', surroundings)[0] !== true,
  'Fn::And': (argument, surroundings) =>
    list(argument, 'Fn::And', surroundings).every((part) => part === true),
  'Fn::Or': (argument, surroundings) => list(argument, 'Fn::Or', surroundings).some((part) => part === true),
};

/** `${Name}`, `${Resource.Attribute}`, `${variable}`; `${!literal}` stays without its mark. */
function substitute(argument: Value, surroundings: Surroundings): string {
  const [template = '', variables = {}] = isList(argument) ? argument : [argument];
  if (typeof template !== 'string' || !isObject(variables)) {
    throw new UnresolvableValue(`Fn::Sub cannot read ${JSON.stringify(argument)}`);
  }
  return template.replace(/\$\{(!?)([^}]*)\}/g, (_match, literal: string, name: string) => {
    if (literal === '!') return `\${${name}}`;
    const variable = variables[name];
    if (variable !== undefined) return text(variable, `Fn::Sub \${${name}}`, surroundings);
    const dot = name.indexOf('.');
    if (dot < 0) return text({ Ref: name }, `Fn::Sub \${${name}}`, surroundings);
    return String(surroundings.attribute(name.slice(0, dot), name.slice(dot + 1)));
  });
}

function args(argument: Value, count: number, name: string): readonly Value[] {
  if (isList(argument) && argument.length === count) return argument;
  throw new UnresolvableValue(`${name} takes a list of ${count}, not ${JSON.stringify(argument)}`);
}

function text(value: Value, place: string, { resolve }: Surroundings): string {
  const resolved = resolve(value);
  if (typeof resolved === 'string') return resolved;
  if (typeof resolved === 'number' || typeof resolved === 'boolean') return String(resolved);
  throw new UnresolvableValue(`${place} must be text, and is ${JSON.stringify(resolved)}`);
}

function list(value: Value, place: string, { resolve }: Surroundings): readonly Value[] {
  const resolved = resolve(value);
  if (isList(resolved)) return resolved;
  throw new UnresolvableValue(`${place} must be a list, and is ${JSON.stringify(resolved)}`);
}
