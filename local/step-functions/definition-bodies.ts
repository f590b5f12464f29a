import { checkDataPath } from './choice-rules.ts';
import type { Expression } from './intrinsics.ts';
import type { Json, JsonObject } from './json.ts';
import { isJsonObject } from './json.ts';
import type { Loader } from './loader.ts';
import { checkFields, positiveInteger } from './loader.ts';
import type { Path } from './paths.ts';
import { parsePath } from './paths.ts';
import type { Template } from './payload-template.ts';
import { compileExpression, compileTemplate } from './payload-template.ts';
import type { PayloadFields, StateBody, StateType, WaitUntil } from './scope.ts';

const FUNCTION_ARN = /^arn:aws:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]{1,64}$/;
const LONGEST_SECONDS = 99_999_999;

/** What a state does, apart from the flow of its data. */
export function prepareBody(
  name: string,
  type: Exclude<StateType, 'Choice' | 'Succeed'>,
  state: JsonObject,
  loader: Loader,
): StateBody {
  switch (type) {
    case 'Task':
      return prepareTask(name, state, loader);
    case 'Pass':
      return {
        kind: 'pass',
        ...(state.Result === undefined ? {} : { result: state.Result }),
        ...template('parameters', state.Parameters, `${name}.Parameters`, loader),
      };
    case 'Wait':
      return { kind: 'wait', until: prepareWait(name, state, loader) };
    case 'Fail':
      return {
        kind: 'fail',
        ...failText('error', 'Error', name, state, loader),
        ...failText('cause', 'Cause', name, state, loader),
      };
    case 'Parallel':
      return prepareParallel(name, state, loader);
    case 'Map':
      return prepareMap(name, state, loader);
  }
}

function prepareTask(name: string, state: JsonObject, loader: Loader): StateBody {
  const functionArn = typeof state.Resource === 'string' ? state.Resource : '';
  if (!FUNCTION_ARN.test(functionArn)) {
    loader.problem(
      `${name}.Resource`,
      `${JSON.stringify(state.Resource)} is not simulated: only a Lambda function's ARN (payloadResponseOnly)`,
    );
  }
  if (state.TimeoutSeconds === undefined) {
    loader.problem(
      `${name}.TimeoutSeconds`,
      'is missing: without it AWS would wait a year for a task that got lost',
    );
  }
  const timeoutSeconds = positiveInteger(state.TimeoutSeconds, `${name}.TimeoutSeconds`, loader) ?? 1;
  return { kind: 'lambda', functionArn, timeoutSeconds, ...payloadFields(name, state, loader) };
}

function payloadFields(name: string, state: JsonObject, loader: Loader): PayloadFields {
  return {
    ...template('parameters', state.Parameters, `${name}.Parameters`, loader),
    ...template('resultSelector', state.ResultSelector, `${name}.ResultSelector`, loader),
  };
}

function template<Key extends string>(
  key: Key,
  value: Json | undefined,
  place: string,
  loader: Loader,
): { [K in Key]?: Template } {
  if (value === undefined) return {};
  const compiled = compileTemplate(value, place, { mapItem: key === 'selector', problem: loader.problem });
  // A computed key widens to string; the object has exactly this one.
  return { [key]: compiled } as { [K in Key]?: Template };
}

function prepareWait(name: string, state: JsonObject, loader: Loader): WaitUntil {
  const fields = ['Seconds', 'SecondsPath', 'Timestamp', 'TimestampPath'].filter(
    (field) => state[field] !== undefined,
  );
  if (fields.length !== 1) {
    loader.problem(name, 'must have exactly one of Seconds, SecondsPath, Timestamp, TimestampPath');
  }
  if (state.Seconds !== undefined) {
    const { Seconds: seconds } = state;
    const isValid =
      typeof seconds === 'number' && Number.isInteger(seconds) && seconds >= 0 && seconds <= LONGEST_SECONDS;
    if (!isValid) loader.problem(`${name}.Seconds`, `must be a whole number from 0 to ${LONGEST_SECONDS}`);
    return { kind: 'seconds', seconds: isValid ? seconds : 0 };
  }
  if (state.SecondsPath !== undefined) {
    return { kind: 'seconds', seconds: dataPath(state.SecondsPath, `${name}.SecondsPath`, loader) };
  }
  if (state.TimestampPath !== undefined) {
    return { kind: 'timestamp', timestamp: dataPath(state.TimestampPath, `${name}.TimestampPath`, loader) };
  }
  const timestamp = typeof state.Timestamp === 'string' ? state.Timestamp : '';
  if (fields.length === 1 && Number.isNaN(Date.parse(timestamp)))
    loader.problem(`${name}.Timestamp`, 'is not a timestamp');
  return { kind: 'timestamp', timestamp };
}

const WHOLE: Path = { text: '$', root: '$', steps: [] };

function dataPath(value: Json, place: string, loader: Loader): Path {
  checkDataPath(value, place, loader.problem);
  return (typeof value === 'string' ? parsePath(value) : undefined) ?? WHOLE;
}

function failText<Key extends string>(
  key: Key,
  field: 'Error' | 'Cause',
  name: string,
  state: JsonObject,
  loader: Loader,
): { [K in Key]?: Expression } {
  const text = state[field];
  const path = state[`${field}Path`];
  if (text !== undefined && path !== undefined) loader.problem(name, `has both ${field} and ${field}Path`);
  if (text !== undefined && typeof text !== 'string') loader.problem(`${name}.${field}`, 'must be a string');
  if (path === undefined && text === undefined) return {};
  const expression: Expression =
    path === undefined
      ? { kind: 'literal', value: text ?? null }
      : compileExpression(path, `${name}.${field}Path`, { mapItem: false, problem: loader.problem });
  // A computed key widens to string; the object has exactly this one.
  return { [key]: expression } as { [K in Key]?: Expression };
}

function prepareParallel(name: string, state: JsonObject, loader: Loader): StateBody {
  const branches = Array.isArray(state.Branches) ? state.Branches : [];
  if (branches.length === 0) loader.problem(`${name}.Branches`, 'must be a list of branches');
  return {
    kind: 'parallel',
    branches: branches.map((branch, index) => {
      const place = `${name}.Branches[${index}]`;
      if (!isJsonObject(branch)) loader.problem(place, 'must be an object');
      const definition = isJsonObject(branch) ? branch : {};
      checkFields(definition, ['Comment', 'StartAt', 'States', 'QueryLanguage'], place, loader);
      return loader.prepareScope(definition, place);
    }),
    ...payloadFields(name, state, loader),
  };
}

function prepareMap(name: string, state: JsonObject, loader: Loader): StateBody {
  const place = `${name}.ItemProcessor`;
  if (!isJsonObject(state.ItemProcessor)) loader.problem(place, 'must be an object');
  const processor = isJsonObject(state.ItemProcessor) ? state.ItemProcessor : {};
  checkFields(processor, ['Comment', 'StartAt', 'States', 'ProcessorConfig', 'QueryLanguage'], place, loader);
  const mode = processorMode(processor.ProcessorConfig, `${place}.ProcessorConfig`, loader);
  for (const field of ['ToleratedFailureCount', 'ToleratedFailurePercentage']) {
    if (state[field] !== undefined && state[field] !== 0)
      loader.problem(`${name}.${field}`, 'only 0 is simulated');
  }
  if (
    state.Label !== undefined &&
    !(typeof state.Label === 'string' && /^[^\s?*<>{}[\]:;,\\|^~$#%&`"]{1,40}$/.test(state.Label))
  ) {
    loader.problem(`${name}.Label`, 'must be 1 to 40 plain characters');
  }
  return {
    kind: 'map',
    mode,
    label: typeof state.Label === 'string' ? state.Label : name.replace(/[^A-Za-z0-9_-]/g, '').slice(0, 40),
    items: state.ItemsPath === undefined ? WHOLE : dataPath(state.ItemsPath, `${name}.ItemsPath`, loader),
    ...template('selector', state.ItemSelector, `${name}.ItemSelector`, loader),
    maxConcurrency: maxConcurrency(name, state, mode, loader),
    processor: loader.prepareScope(processor, place),
    ...template('resultSelector', state.ResultSelector, `${name}.ResultSelector`, loader),
  };
}

function processorMode(config: Json | undefined, place: string, loader: Loader): 'INLINE' | 'DISTRIBUTED' {
  if (config === undefined) return 'INLINE';
  const { Mode: mode, ExecutionType: executionType } = isJsonObject(config) ? config : {};
  if (isJsonObject(config)) checkFields(config, ['Mode', 'ExecutionType'], place, loader);
  if (mode === 'INLINE') return 'INLINE';
  if (mode !== 'DISTRIBUTED') loader.problem(`${place}.Mode`, 'must be INLINE or DISTRIBUTED');
  if (executionType !== 'STANDARD') loader.problem(`${place}.ExecutionType`, 'only STANDARD is simulated');
  return 'DISTRIBUTED';
}

function maxConcurrency(name: string, state: JsonObject, mode: string, loader: Loader): number | Path {
  if (state.MaxConcurrencyPath !== undefined) {
    if (state.MaxConcurrency !== undefined)
      loader.problem(name, 'has both MaxConcurrency and MaxConcurrencyPath');
    return dataPath(state.MaxConcurrencyPath, `${name}.MaxConcurrencyPath`, loader);
  }
  if (state.MaxConcurrency === undefined && mode === 'DISTRIBUTED') {
    loader.problem(
      `${name}.MaxConcurrency`,
      'is missing: without it AWS starts up to 10,000 children at once',
    );
  }
  const { MaxConcurrency: most = 0 } = state;
  if (typeof most === 'number' && Number.isInteger(most) && most >= 0) return most;
  loader.problem(`${name}.MaxConcurrency`, 'must be a whole number, 0 or more');
  return 0;
}
