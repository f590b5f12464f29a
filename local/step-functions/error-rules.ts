import type { Json, JsonObject } from './json.ts';
import { isJsonObject } from './json.ts';
import type { Loader } from './loader.ts';
import { checkFields, LONGEST_TIMER_SECONDS, positiveInteger } from './loader.ts';
import type { StateType } from './scope.ts';

/** A ResultPath as the library takes it; undefined where it says nothing. */
export function resultPath(path: Json | undefined, place: string, loader: Loader): Json | undefined {
  if (path === undefined || path === '$') return undefined;
  if (path !== null && !(typeof path === 'string' && /^\$(\.[A-Za-z_]\w*)+$/.test(path))) {
    loader.problem(place, `${JSON.stringify(path)} is neither null nor a path of field names ($.a.b)`);
  }
  return path;
}

const RETRY_FIELDS = [
  'ErrorEquals',
  'IntervalSeconds',
  'MaxAttempts',
  'BackoffRate',
  'MaxDelaySeconds',
  'JitterStrategy',
  'Comment',
];

/** Retry and Catch, checked, with scaled pauses. */
export function errorFields(name: string, type: StateType, state: JsonObject, loader: Loader): JsonObject {
  const fields: JsonObject = {};
  const retriers = ruleList(state.Retry, `${name}.Retry`, loader);
  if (retriers) {
    fields.Retry = retriers.map((rule, index) => {
      const place = `${name}.Retry[${index}]`;
      checkFields(rule, RETRY_FIELDS, place, loader);
      checkErrorEquals(rule, { place, type, isLast: index === retriers.length - 1 }, loader);
      return scaledRetrier(rule, place, loader);
    });
  }
  const catchers = ruleList(state.Catch, `${name}.Catch`, loader);
  if (catchers) {
    fields.Catch = catchers.map((rule, index) => {
      const place = `${name}.Catch[${index}]`;
      checkFields(rule, ['ErrorEquals', 'Next', 'ResultPath', 'Comment'], place, loader);
      checkErrorEquals(rule, { place, type, isLast: index === catchers.length - 1 }, loader);
      const path = resultPath(rule.ResultPath, `${place}.ResultPath`, loader);
      const { ErrorEquals = [], Next = '' } = rule;
      return { ErrorEquals, Next, ...(path === undefined ? {} : { ResultPath: path }) };
    });
  }
  return fields;
}

function ruleList(rules: Json | undefined, place: string, loader: Loader): JsonObject[] | undefined {
  if (rules === undefined) return undefined;
  if (Array.isArray(rules) && rules.every(isJsonObject)) return rules;
  loader.problem(place, 'must be a list of objects');
  return undefined;
}

function checkErrorEquals(
  rule: JsonObject,
  { place, type, isLast }: { place: string; type: StateType; isLast: boolean },
  loader: Loader,
): void {
  const at = `${place}.ErrorEquals`;
  const names = Array.isArray(rule.ErrorEquals) ? rule.ErrorEquals : [];
  if (names.length === 0) loader.problem(at, 'must be a list of error names');
  if (names.includes('States.ALL') && (names.length > 1 || !isLast)) {
    loader.problem(at, 'States.ALL must stand alone, in the last rule');
  }
  if (names.includes('States.TaskFailed') && type !== 'Task') {
    loader.problem(at, 'States.TaskFailed is simulated for Task states only');
  }
  for (const name of ['States.DataLimitExceeded', 'States.Runtime']) {
    if (names.includes(name)) loader.problem(at, `${name} ends the execution here: no rule can name it`);
  }
}

function scaledRetrier(rule: JsonObject, place: string, loader: Loader): JsonObject {
  const interval = positiveInteger(rule.IntervalSeconds, `${place}.IntervalSeconds`, loader) ?? 1;
  const longest =
    positiveInteger(rule.MaxDelaySeconds, `${place}.MaxDelaySeconds`, loader) ?? LONGEST_TIMER_SECONDS;
  const { ErrorEquals = [], MaxAttempts = 3, BackoffRate = 2, JitterStrategy = 'NONE' } = rule;
  if (!Number.isInteger(MaxAttempts) || Number(MaxAttempts) < 0) {
    loader.problem(`${place}.MaxAttempts`, 'must be a whole number, 0 or more');
  }
  if (typeof BackoffRate !== 'number' || BackoffRate < 1)
    loader.problem(`${place}.BackoffRate`, 'must be at least 1');
  if (JitterStrategy !== 'NONE' && JitterStrategy !== 'FULL') {
    loader.problem(`${place}.JitterStrategy`, 'must be NONE or FULL');
  }
  return {
    ErrorEquals,
    MaxAttempts,
    BackoffRate,
    JitterStrategy,
    IntervalSeconds: interval * loader.timeScale,
    MaxDelaySeconds: Math.min(longest, LONGEST_TIMER_SECONDS) * loader.timeScale,
  };
}
