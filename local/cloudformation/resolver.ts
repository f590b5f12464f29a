import type { Surroundings } from './intrinsic-functions.ts';
import { INTRINSIC_FUNCTIONS, UnresolvableValue } from './intrinsic-functions.ts';
import type { Template, TemplateParameter, Value } from './template.ts';
import { isList, isObject } from './template.ts';

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
  /** The value with every intrinsic function evaluated; undefined for AWS::NoValue. @throws UnresolvableValue */
  resolve(value: Value): Value | undefined;
  /** @throws UnresolvableValue */
  condition(name: string): boolean;
  readonly parameters: ReadonlyMap<string, Value>;
}

/**
 * Evaluates CloudFormation's intrinsic functions; those it does not know are errors, never passed through.
 * @throws UnresolvableValue for parameters that have no value here
 */
export function makeResolver(options: ResolverOptions): Resolver {
  const { template } = options;
  const pseudo = pseudoParameters(options);
  const parameters = new Map(
    Object.entries(template.Parameters).map(([name, parameter]) => [name, parameterValue(name, parameter)]),
  );

  function resolve(value: Value): Value | undefined {
    if (isList(value)) return value.map(resolve).filter((item) => item !== undefined);
    if (!isObject(value)) return value;
    const [name, ...others] = Object.keys(value);
    const isFunction = name !== undefined && (name === 'Ref' || name.startsWith('Fn::'));
    if (isFunction && others.length === 0) return callIntrinsic(name, value[name] ?? null);
    if (isFunction) throw new UnresolvableValue(`${name} stands beside ${others.join(', ')}`);
    // Only alone and with a name is it the function: statements of policies have a member called so, too.
    if (name === 'Condition' && others.length === 0 && typeof value.Condition === 'string') {
      return condition(value.Condition);
    }
    const resolved: Record<string, Value> = {};
    for (const [key, member] of Object.entries(value)) {
      const result = resolve(member);
      if (result !== undefined) resolved[key] = result;
    }
    return resolved;
  }

  function callIntrinsic(name: string, argument: Value): Value | undefined {
    const intrinsic = INTRINSIC_FUNCTIONS[name];
    if (!intrinsic) throw new UnresolvableValue(`intrinsic function ${name} is not simulated`);
    return intrinsic(argument, surroundings);
  }

  function condition(name: string): boolean {
    const declared = template.Conditions[name];
    if (declared === undefined) throw new UnresolvableValue(`condition ${name} is not declared`);
    return resolve(declared) === true;
  }

  const surroundings: Surroundings = {
    resolve,
    condition,
    ref(name) {
      if (name === 'AWS::NoValue') return undefined;
      const known = pseudo[name] ?? parameters.get(name) ?? options.resource(name)?.physicalId;
      if (known === undefined)
        throw new UnresolvableValue(`Ref ${name}: there is no such parameter or resource`);
      return known;
    },
    attribute(logicalId, name) {
      const resource = options.resource(logicalId);
      if (!resource)
        throw new UnresolvableValue(`Fn::GetAtt ${logicalId}.${name}: there is no such resource`);
      const value = resource.attributes[name];
      if (value !== undefined) return value;
      throw new UnresolvableValue(`Fn::GetAtt ${logicalId}.${name}: the attribute is not simulated`);
    },
    mapped(map, top, second) {
      const found = template.Mappings[map]?.[top]?.[second];
      if (found === undefined)
        throw new UnresolvableValue(`Fn::FindInMap: nothing at ${map}.${top}.${second}`);
      return found;
    },
  };
  return { resolve, condition, parameters };
}

function pseudoParameters(options: ResolverOptions): Readonly<Record<string, Value>> {
  return {
    'AWS::AccountId': options.accountId,
    'AWS::Region': options.region,
    'AWS::Partition': 'aws',
    'AWS::URLSuffix': 'amazonaws.com',
    'AWS::StackName': options.stackName,
    'AWS::StackId': options.stackId,
    'AWS::NotificationARNs': [],
  };
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
