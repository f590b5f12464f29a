import { StateMachine } from 'aws-local-stepfunctions';
import { checkDataPath, prepareChoiceRule } from './choice-rules.ts';
import { prepareBody } from './definition-bodies.ts';
import { errorFields, resultPath } from './error-rules.ts';
import type { Json, JsonObject } from './json.ts';
import { isJsonObject, parseJson } from './json.ts';
import type { Loader, LoadOptions } from './loader.ts';
import { checkFields, InvalidDefinition, LONGEST_TIMER_SECONDS, positiveInteger } from './loader.ts';
import type { Scope, ScopeState, StateType } from './scope.ts';

export { InvalidDefinition } from './loader.ts';

export interface PreparedMachine {
  readonly scope: Scope;
  /** Real seconds after which the execution ends TIMED_OUT. */
  readonly timeoutSeconds?: number;
}

/** AWS's quota on a definition. */
const DEFINITION_BYTES = 1024 * 1024;
const NAME_CHARACTERS = 80;

const ANY_STATE = ['Type', 'Comment', 'QueryLanguage'];
const FLOW = ['Next', 'End', 'InputPath', 'OutputPath'];
const ERRORS = ['Retry', 'Catch'];

/**
 * Every field that does here what it does on AWS. The interpreter library ignores what it does not know, so anything else
 * is refused.
 */
const STATE_FIELDS: Readonly<Record<StateType, readonly string[]>> = {
  Task: [...FLOW, ...ERRORS, 'Resource', 'TimeoutSeconds', 'Parameters', 'ResultSelector', 'ResultPath'],
  Pass: [...FLOW, 'Result', 'Parameters', 'ResultPath'],
  Wait: [...FLOW, 'Seconds', 'SecondsPath', 'Timestamp', 'TimestampPath'],
  Choice: ['InputPath', 'OutputPath', 'Choices', 'Default'],
  Succeed: ['InputPath', 'OutputPath'],
  Fail: ['Error', 'ErrorPath', 'Cause', 'CausePath'],
  Parallel: [...FLOW, ...ERRORS, 'Branches', 'Parameters', 'ResultSelector', 'ResultPath'],
  Map: [
    ...FLOW,
    ...ERRORS,
    'ItemProcessor',
    'ItemsPath',
    'ItemSelector',
    'MaxConcurrency',
    'MaxConcurrencyPath',
    'Label',
    'ToleratedFailureCount',
    'ToleratedFailurePercentage',
    'ResultSelector',
    'ResultPath',
  ],
};

/**
 * Checks a definition and makes it ready to run.
 * @throws InvalidDefinition naming state and field of everything that cannot be run as AWS would
 */
export function prepareDefinition(text: string, options: LoadOptions): PreparedMachine {
  if (Buffer.byteLength(text) > DEFINITION_BYTES) throw new InvalidDefinition(['it is larger than 1 MB']);
  const definition = parseDefinition(text);
  const problems: string[] = [];
  const loader: Loader = {
    ...options,
    problem: (place, message) => void problems.push(`${place}: ${message}`),
    names: new Set(),
    prepareScope: (nested, place) => prepareScope(nested, place, loader),
  };
  checkFields(
    definition,
    ['Comment', 'StartAt', 'States', 'TimeoutSeconds', 'Version', 'QueryLanguage'],
    '$',
    loader,
  );
  const timeoutSeconds = positiveInteger(definition.TimeoutSeconds, '$.TimeoutSeconds', loader);
  const scope = prepareScope(definition, '$', loader);
  if (problems.length > 0) throw new InvalidDefinition(problems);
  return { scope, ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }) };
}

function parseDefinition(text: string): JsonObject {
  let value: Json;
  try {
    value = parseJson(text);
  } catch (error) {
    throw new InvalidDefinition([`it is not JSON: ${error instanceof Error ? error.message : error}`]);
  }
  if (!isJsonObject(value)) throw new InvalidDefinition(['it is not a JSON object']);
  return value;
}

function prepareScope(definition: JsonObject, place: string, loader: Loader): Scope {
  const states = new Map<string, ScopeState>();
  const forLibrary: JsonObject = {};
  if (!isJsonObject(definition.States)) loader.problem(`${place}.States`, 'must be an object');
  const entries = isJsonObject(definition.States) ? Object.entries(definition.States) : [];
  for (const [name, state] of entries) {
    if (loader.names.has(name)) loader.problem(name, 'another state of the machine has this name');
    if (name.length > NAME_CHARACTERS) loader.problem(name, `is longer than ${NAME_CHARACTERS} characters`);
    loader.names.add(name);
    const prepared = prepareState(name, state, loader);
    if (!prepared) continue;
    states.set(name, prepared.state);
    forLibrary[name] = prepared.forLibrary;
  }
  checkTargets(definition, place, loader);
  const machine = new StateMachine(asDefinition({ StartAt: definition.StartAt ?? '', States: forLibrary }), {
    validationOptions: { noValidate: true },
  });
  return { machine, states };
}

/** Whether every Next, Default and StartAt of the scope names one of its states. */
function checkTargets(definition: JsonObject, place: string, loader: Loader): void {
  const states = isJsonObject(definition.States) ? definition.States : {};
  const check = (target: Json | undefined, at: string) => {
    if (target === undefined) return;
    if (typeof target !== 'string' || !Object.hasOwn(states, target)) {
      loader.problem(at, `${JSON.stringify(target)} is no state beside it`);
    }
  };
  check(definition.StartAt ?? null, `${place}.StartAt`);
  for (const [name, state] of Object.entries(states)) {
    if (!isJsonObject(state)) continue;
    check(state.Next, `${name}.Next`);
    check(state.Default, `${name}.Default`);
    for (const field of ['Choices', 'Catch']) {
      const rules = state[field];
      if (!Array.isArray(rules)) continue;
      rules.forEach((rule, index) => {
        check(isJsonObject(rule) ? (rule.Next ?? null) : null, `${name}.${field}[${index}].Next`);
      });
    }
  }
}

interface PreparedState {
  readonly state: ScopeState;
  readonly forLibrary: JsonObject;
}

function prepareState(name: string, state: Json, loader: Loader): PreparedState | undefined {
  const type = isJsonObject(state) ? stateType(state.Type) : undefined;
  if (!isJsonObject(state) || type === undefined) {
    loader.problem(`${name}.Type`, 'is not a state type');
    return undefined;
  }
  checkFields(state, [...ANY_STATE, ...STATE_FIELDS[type]], name, loader);
  const data = dataFields(state, name, loader);
  if (type === 'Succeed') return { state: { name, type }, forLibrary: { Type: 'Succeed', ...data } };
  if (type === 'Choice')
    return { state: { name, type }, forLibrary: prepareChoice(name, state, data, loader) };
  const body = prepareBody(name, type, state, loader);
  const isLast = state.End === true || type === 'Fail';
  if (!isLast && typeof state.Next !== 'string') loader.problem(name, 'has neither Next nor End');
  if (isLast && state.Next !== undefined) loader.problem(name, 'has both Next and End');
  const timeout =
    body.kind === 'lambda' ? Math.min(body.timeoutSeconds, LONGEST_TIMER_SECONDS) : LONGEST_TIMER_SECONDS;
  const forLibrary: JsonObject = {
    Type: 'Task',
    Resource: `local:${name}`,
    // Else the library would end every state after 60 seconds.
    TimeoutSeconds: timeout,
    ...data,
    ...errorFields(name, type, state, loader),
    ...(isLast ? { End: true } : { Next: state.Next ?? '' }),
  };
  return { state: { name, type, body }, forLibrary };
}

function stateType(type: Json | undefined): StateType | undefined {
  const types: readonly string[] = Object.keys(STATE_FIELDS);
  // STATE_FIELDS has exactly the state types as its keys.
  return typeof type === 'string' && types.includes(type) ? (type as StateType) : undefined;
}

function prepareChoice(name: string, state: JsonObject, data: JsonObject, loader: Loader): JsonObject {
  const choices = Array.isArray(state.Choices) ? state.Choices : [];
  if (choices.length === 0) loader.problem(`${name}.Choices`, 'must be a list of rules');
  return {
    Type: 'Choice',
    ...data,
    Choices: choices.map((rule, index) =>
      prepareChoiceRule(rule, `${name}.Choices[${index}]`, loader.problem),
    ),
    ...(state.Default === undefined ? {} : { Default: state.Default }),
  };
}

/** InputPath, OutputPath, ResultPath as the library takes them: it stumbles over a bare `$`, which says nothing anyway. */
function dataFields(state: JsonObject, name: string, loader: Loader): JsonObject {
  const fields: JsonObject = {};
  for (const field of ['InputPath', 'OutputPath'] as const) {
    const path = state[field];
    if (path === undefined || path === '$') continue;
    if (path !== null) checkDataPath(path, `${name}.${field}`, loader.problem);
    fields[field] = path;
  }
  const result = resultPath(state.ResultPath, `${name}.ResultPath`, loader);
  return result === undefined ? fields : { ...fields, ResultPath: result };
}

type LibraryDefinition = ConstructorParameters<typeof StateMachine>[0];

/** The library's types describe whole definitions; ours are checked field by field, and it reads plain JSON. */
function asDefinition(definition: JsonObject): LibraryDefinition {
  return definition as unknown as LibraryDefinition;
}
