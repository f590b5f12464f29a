/** A pattern that EventBridge would refuse, or that is not simulated. */
export class InvalidEventPattern extends Error {
  override readonly name = 'InvalidEventPattern';
}

export type EventPattern = (event: Readonly<Record<string, unknown>>) => boolean;

type Matcher = (value: unknown, isThere: boolean) => boolean;
type FieldTest = (value: unknown, isThere: boolean) => boolean;

/**
 * Compiles an event pattern: every field must match, a list matches by any of its members.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
 * @throws InvalidEventPattern
 */
export function compilePattern(pattern: unknown): EventPattern {
  if (!isRecord(pattern)) throw new InvalidEventPattern('an event pattern is an object');
  const test = compileObject(pattern, '');
  return (event) => test(event, true);
}

function compileObject(pattern: Readonly<Record<string, unknown>>, place: string): FieldTest {
  const fields = Object.entries(pattern).map(([name, value]) => {
    const at = `${place}.${name}`;
    if (name.startsWith('$')) throw new InvalidEventPattern(`${at} is not simulated`);
    if (Array.isArray(value)) return { name, test: compileList(value, at) };
    if (isRecord(value)) return { name, test: compileObject(value, at) };
    throw new InvalidEventPattern(`${at} must be a list of values or an object`);
  });
  if (fields.length === 0) throw new InvalidEventPattern(`${place || 'the pattern'} is empty`);
  return (value) =>
    fields.every(({ name, test }) => {
      const isThere = isRecord(value) && Object.hasOwn(value, name);
      return test(isThere ? value[name] : undefined, isThere);
    });
}

function compileList(values: readonly unknown[], place: string): FieldTest {
  if (values.length === 0) throw new InvalidEventPattern(`${place} is an empty list`);
  const matchers = values.map((value) => compileMatcher(value, place));
  return (value, isThere) => {
    // A field that holds a list matches by any of its members.
    const candidates = Array.isArray(value) && value.length > 0 ? value : [value];
    return matchers.some((matches) => candidates.some((candidate) => matches(candidate, isThere)));
  };
}

function compileMatcher(value: unknown, place: string): Matcher {
  if (isScalar(value)) return (candidate, isThere) => isThere && candidate === value;
  if (!isRecord(value) || Object.keys(value).length !== 1) {
    throw new InvalidEventPattern(`${place} holds something that is neither a value nor a single comparison`);
  }
  const [operator = '', operand] = Object.entries(value)[0] ?? [];
  const compile = OPERATORS[operator];
  if (!compile) throw new InvalidEventPattern(`${place}: comparison "${operator}" is not simulated`);
  return compile(operand, `${place}.${operator}`);
}

const OPERATORS: Readonly<Record<string, (operand: unknown, place: string) => Matcher>> = {
  prefix: (operand, place) => onText((text) => text.startsWith(stringOf(operand, place))),
  suffix: (operand, place) => onText((text) => text.endsWith(stringOf(operand, place))),
  'equals-ignore-case': (operand, place) => {
    const wanted = stringOf(operand, place).toLowerCase();
    return onText((text) => text.toLowerCase() === wanted);
  },
  exists: (operand, place) => {
    if (typeof operand !== 'boolean') throw new InvalidEventPattern(`${place} must be true or false`);
    return (_candidate, isThere) => isThere === operand;
  },
  'anything-but': anythingBut,
  numeric: (operand, place) => {
    const tests = numericTests(operand, place);
    return (candidate) => typeof candidate === 'number' && tests.every((test) => test(candidate));
  },
};

function onText(test: (text: string) => boolean): Matcher {
  return (candidate) => typeof candidate === 'string' && test(candidate);
}

function anythingBut(operand: unknown, place: string): Matcher {
  const operands = Array.isArray(operand) ? operand : [operand];
  if (operands.length === 0) throw new InvalidEventPattern(`${place} is an empty list`);
  const excluded = operands.map((value) => {
    if (isRecord(value) && Object.keys(value).some((name) => !['prefix', 'suffix'].includes(name))) {
      throw new InvalidEventPattern(`${place} takes values, prefix or suffix only`);
    }
    return compileMatcher(value, place);
  });
  return (candidate, isThere) => isThere && !excluded.some((matches) => matches(candidate, isThere));
}

const COMPARISONS: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '=': (a, b) => a === b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

function numericTests(operand: unknown, place: string): ((value: number) => boolean)[] {
  const parts = Array.isArray(operand) ? operand : [];
  if (parts.length !== 2 && parts.length !== 4) {
    throw new InvalidEventPattern(`${place} must be one or two comparisons with a number`);
  }
  const tests: ((value: number) => boolean)[] = [];
  for (let at = 0; at < parts.length; at += 2) {
    const compare = COMPARISONS[String(parts[at])];
    const bound: unknown = parts[at + 1];
    if (!compare || typeof bound !== 'number') throw new InvalidEventPattern(`${place} cannot be read`);
    tests.push((value) => compare(value, bound));
  }
  return tests;
}

function stringOf(operand: unknown, place: string): string {
  if (typeof operand === 'string') return operand;
  throw new InvalidEventPattern(`${place} must be a string`);
}

function isScalar(value: unknown): boolean {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
