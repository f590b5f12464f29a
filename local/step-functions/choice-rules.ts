import type { Json, JsonObject } from './json.ts';
import { isJsonObject } from './json.ts';
import { parsePath } from './paths.ts';

type Problem = (place: string, message: string) => void;

const ORDERINGS = ['Equals', 'LessThan', 'GreaterThan', 'LessThanEquals', 'GreaterThanEquals'];

/** Which test a value must pass for a comparison to mean anything; AWS answers false for values of another type. */
const TYPE_TESTS: ReadonlyMap<string, string> = new Map(
  ['String', 'Numeric', 'Timestamp'].flatMap((type) =>
    ORDERINGS.flatMap((ordering) => [
      [`${type}${ordering}`, `Is${type}`] as const,
      [`${type}${ordering}Path`, `Is${type}`] as const,
    ]),
  ),
);
const OTHER_COMPARISONS = new Set(['BooleanEquals', 'BooleanEqualsPath', 'StringMatches']);
const TYPE_QUESTIONS = new Set(['IsNull', 'IsPresent', 'IsNumeric', 'IsString', 'IsBoolean', 'IsTimestamp']);
const COMMON_FIELDS = new Set(['Variable', 'Next', 'Comment']);

/**
 * Checks a choice rule and rewrites it for the interpreter library, which compares values of different types as JavaScript
 * would and takes `IsPresent: false` for a test that never holds.
 */
export function prepareChoiceRule(rule: Json, place: string, problem: Problem): JsonObject {
  if (!isJsonObject(rule)) {
    problem(place, 'must be an object');
    return {};
  }
  const next: JsonObject = typeof rule.Next === 'string' ? { Next: rule.Next } : {};
  const operators = Object.keys(rule).filter((key) => !COMMON_FIELDS.has(key));
  const [operator] = operators;
  if (operator === undefined || operators.length > 1) {
    problem(place, `must have exactly one comparison, and has ${operators.join(', ') || 'none'}`);
    return next;
  }
  const value = rule[operator] ?? null;
  if (operator === 'And' || operator === 'Or') {
    if (!Array.isArray(value) || value.length === 0)
      problem(`${place}.${operator}`, 'must be a list of rules');
    const rules = Array.isArray(value) ? value : [];
    return {
      [operator]: rules.map((item, i) => prepareInner(item, `${place}.${operator}[${i}]`, problem)),
      ...next,
    };
  }
  if (operator === 'Not') return { Not: prepareInner(value, `${place}.Not`, problem), ...next };
  return { ...prepareComparison({ variable: rule.Variable, operator, value }, place, problem), ...next };
}

function prepareInner(rule: Json, place: string, problem: Problem): JsonObject {
  if (isJsonObject(rule) && 'Next' in rule) problem(place, 'Next belongs to the outermost rule');
  return prepareChoiceRule(rule, place, problem);
}

interface Comparison {
  readonly variable: Json | undefined;
  readonly operator: string;
  readonly value: Json;
}

function prepareComparison(comparison: Comparison, place: string, problem: Problem): JsonObject {
  const { variable, operator, value } = comparison;
  checkInnerPath(variable ?? null, `${place}.Variable`, problem);
  const Variable = variable ?? null;
  if (TYPE_QUESTIONS.has(operator)) {
    if (typeof value !== 'boolean') problem(`${place}.${operator}`, 'must be true or false');
    const holds = { Variable, [operator]: true };
    return value === true ? holds : { Not: holds };
  }
  checkOperand(operator, value, place, problem);
  const rule = { Variable, [operator]: value };
  if (operator === 'StringMatches') return { And: [{ Variable, IsString: true }, rule] };
  const typeTest = TYPE_TESTS.get(operator);
  return typeTest === undefined ? rule : { And: [{ Variable, [typeTest]: true }, rule] };
}

function checkOperand(operator: string, value: Json, place: string, problem: Problem): void {
  const at = `${place}.${operator}`;
  if (!TYPE_TESTS.has(operator) && !OTHER_COMPARISONS.has(operator)) {
    problem(at, 'is not a comparison that is simulated');
    return;
  }
  if (operator.endsWith('Path')) {
    checkInnerPath(value, at, problem);
    return;
  }
  const wanted = operator.startsWith('Numeric')
    ? 'number'
    : operator.startsWith('Boolean')
      ? 'boolean'
      : 'string';
  if (typeof value !== wanted) problem(at, `must be a ${wanted}`);
  if (operator === 'StringMatches' && typeof value === 'string' && /[^\w\s*.,:;/=+@-]/.test(value)) {
    problem(at, 'may hold no special character but "*"');
  }
}

/** Reference paths into the state's data; the library's own context object is not AWS's, so `$$` stays out. */
export function checkDataPath(value: Json, place: string, problem: Problem): void {
  const path = typeof value === 'string' ? parsePath(value) : undefined;
  if (!path) problem(place, `${JSON.stringify(value)} is not a reference path ($.a.b, $.a[0], $['a-b'])`);
  else if (path.root === '$$') problem(place, `${path.text}: the context object is not simulated here`);
}

/** A path below `$`: the library takes a whole input that is null, false, 0 or '' for a missing one. */
function checkInnerPath(value: Json, place: string, problem: Problem): void {
  if (value === '$') problem(place, '"$" alone cannot be compared here: name a field');
  else checkDataPath(value, place, problem);
}
