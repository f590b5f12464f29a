import type { Template, TemplateParameter, Value } from './template.ts';
import { isList, isObject } from './template.ts';

/** A value that cannot be resolved; the message names the intrinsic function and its argument. */
export class UnresolvableValue extends Error {
  override readonly name = 'UnresolvableValue';
}

/** What a resource answers to Ref and Fn::GetAtt. */
export interface ResolvedResource {
  readonly physicalId: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface ResolverOptions {
  readonly template: Template;
  readonly accountId: string;
  readonly region: string;
  readonly stackName: string;
  readonly stackId: string;
  /** What was planned so far; undefined for a resource that comes later or not at all. */
  readonly resource: (logicalId: string) => ResolvedResource | undefined;
}

export interface Resolver {
  /** The value with every intrinsic function evaluated. @throws UnresolvableValue */
  resolve(value: Value): Value | undefined;
  /** @throws UnresolvableValue */
  condition(name: string): boolean;
  readonly parameters: ReadonlyMap<string, Value>;
}

type Intrinsic = (argument: Value) => Value | undefined;

/** Evaluates CloudFormation's intrinsic functions; those it does not know are errors, never passed through. */
export function makeResolver(options: ResolverOptions): Resolver {
  const { template } = options;
  const parameters = new Map(
    Object.entries(template.Parameters).map(([name, parameter]) => [name, parameterValue(name, parameter)]),
  );
  const pseudo: Readonly<Record<string, Value>> = {
    'AWS::AccountId': options.accountId,
    'AWS::Region': options.region,
    'AWS::Partition': 'aws',
    'AWS::URLSuffix': 'amazonaws.com',
    'AWS::StackName': options.stackName,
    'AWS::StackId': options.stackId,
    'AWS::NotificationARNs': [],
  };

  function resolve(value: Value): Value | undefined {
    if (isList(value)) return value.map(resolve).filter((item) => item !== undefined);
    if (!isObject(value)) return value;
    const [name, ...others] = Object.keys(value);
    if (name !== undefined && (name === 'Ref' || name === 'Condition' || name.startsWith('Fn::'))) {
      if (others.length === 0) return callIntrinsic(name, value[name] ?? null);
      // A property may be called Condition (a policy statement's); only alone, with a string, is it the function.
      if (name !== 'Condition') throw new UnresolvableValue(`${name} stands beside ${others.join(', ')}`);
    }
    const resolved: Record<string, Value> = {};
    for (const [key, member] of Object.entries(value)) {
      const result = resolve(member);
      if (result !== undefined) resolved[key] = result;
    }
    return resolved;
  }

  function callIntrinsic(name: string, argument: Value): Value | undefined {
    if (name === 'Condition') {
      if (typeof argument === 'string') return condition(argument);
      return { Condition: resolve(argument) ?? null };
    }
    const intrinsic = intrinsics[name];
    if (!intrinsic) throw new UnresolvableValue(`intrinsic function ${name} is not simulated`);
    return intrinsic(argument);
  }

  function ref(name: string): Value | undefined {
    if (name === 'AWS::NoValue') return undefined;
    const known = pseudo[name] ?? parameters.get(name) ?? options.resource(name)?.physicalId;
    if (known === undefined)
      throw new UnresolvableValue(`Ref ${name}: there is no such parameter or resource`);
    return known;
  }

  function attribute(logicalId: string, name: string): Value {
    const resource = options.resource(logicalId);
    if (!resource) throw new UnresolvableValue(`Fn::GetAtt ${logicalId}.${name}: there is no such resource`);
    const value = resource.attributes[name];
    if (value === undefined)
      throw new UnresolvableValue(`Fn::GetAtt ${logicalId}.${name}: the attribute is not simulated`);
    return value;
  }

  function text(value: Value, place: string): string {
    const resolved = resolve(value);
    if (typeof resolved === 'string') return resolved;
    if (typeof resolved === 'number' || typeof resolved === 'boolean') return String(resolved);
    throw new UnresolvableValue(`${place} must be text, and is ${JSON.stringify(resolved)}`);
  }

  function list(value: Value, place: string): readonly Value[] {
    const resolved = resolve(value);
    if (isList(resolved)) return resolved;
    throw new UnresolvableValue(`${place} must be a list, and is ${JSON.stringify(resolved)}`);
  }

  function args(argument: Value, count: number, name: string): readonly Value[] {
    if (isList(argument) && argument.length === count) return argument;
    throw new UnresolvableValue(`${name} takes a list of ${count}, not ${JSON.stringify(argument)}`);
  }

  function substitute(argument: Value): string {
    const [template = '', variables = {}] = isList(argument) ? argument : [argument];
    if (typeof template !== 'string' || !isObject(variables)) {
      throw new UnresolvableValue(`Fn::Sub cannot read ${JSON.stringify(argument)}`);
    }
    return template.replace(/\$\{(!?)([^}]*)\}/g, (_match, literal: string, name: string) => {
      if (literal === '!') return `\${${name}}`;
      const variable = variables[name];
      if (variable !== undefined) return text(variable, `Fn::Sub \${${name}}`);
      const dot = name.indexOf('.');
      return dot < 0
        ? text({ Ref: name }, `Fn::Sub \${${name}}`)
        : String(attribute(name.slice(0, dot), name.slice(dot + 1)));
    });
  }

  const intrinsics: Readonly<Record<string, Intrinsic>> = {
    Ref: (argument) => ref(String(argument)),
    'Fn::GetAtt': (argument) => {
      const [logicalId = '', ...name] = isList(argument) ? argument.map(String) : String(argument).split('.');
      return attribute(logicalId, name.join('.'));
    },
    'Fn::Sub': substitute,
    'Fn::Join': (argument) => {
      const [separator = '', parts = []] = args(argument, 2, 'Fn::Join');
      return list(parts, 'Fn::Join')
        .map((part) => text(part, 'a part of Fn::Join'))
        .join(String(separator));
    },
    'Fn::Split': (argument) => {
      const [separator = '', value = ''] = args(argument, 2, 'Fn::Split');
      return text(value, 'Fn::Split').split(String(separator));
    },
    'Fn::Select': (argument) => {
      const [index = 0, items = []] = args(argument, 2, 'Fn::Select');
      const item = list(items, 'Fn::Select')[Number(text(index, 'Fn::Select'))];
      if (item === undefined)
        throw new UnresolvableValue(`Fn::Select: there is no item ${JSON.stringify(index)}`);
      return item;
    },
    'Fn::FindInMap': (argument) => {
      const [map = '', top = '', second = ''] = args(argument, 3, 'Fn::FindInMap').map((part) =>
        text(part, 'Fn::FindInMap'),
      );
      const found = template.Mappings[map]?.[top]?.[second];
      if (found === undefined)
        throw new UnresolvableValue(`Fn::FindInMap: nothing at ${map}.${top}.${second}`);
      return found;
    },
    'Fn::If': (argument) => {
      const [name = '', yes = null, no = null] = args(argument, 3, 'Fn::If');
      return resolve(condition(String(name)) ? yes : no);
    },
    'Fn::Equals': (argument) => {
      const [a = null, b = null] = args(argument, 2, 'Fn::Equals').map(resolve);
      return JSON.stringify(a) === JSON.stringify(b);
    },
    'Fn::Not': (argument) => list(argument, 'Fn::Not')[0] !== true,
    'Fn::And': (argument) => list(argument, 'Fn::And').every((part) => part === true),
    'Fn::Or': (argument) => list(argument, 'Fn::Or').some((part) => part === true),
  };

  function condition(name: string): boolean {
    const declared = template.Conditions[name];
    if (declared === undefined) throw new UnresolvableValue(`condition ${name} is not declared`);
    return resolve(declared) === true;
  }

  return { resolve, condition, parameters };
}

/** What `cdk deploy` would find in the account's bootstrap stack; only its check would read it. */
const BOOTSTRAP_VERSION = '30';

function parameterValue(name: string, parameter: TemplateParameter): Value {
  if (name === 'BootstrapVersion') return BOOTSTRAP_VERSION;
  if (parameter.Default === undefined) {
    throw new UnresolvableValue(
      `parameter ${name} has no default, and parameters cannot be given in the local region`,
    );
  }
  if (parameter.Type === 'CommaDelimitedList') return String(parameter.Default).split(',');
  if (parameter.Type === 'String' || parameter.Type === 'Number') return String(parameter.Default);
  throw new UnresolvableValue(`parameter ${name} has type ${parameter.Type}, which is not simulated`);
}
