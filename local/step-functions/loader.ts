import type { Json, JsonObject } from './json.ts';
import type { Scope } from './scope.ts';

/** A definition that the region will not run; it says everything that is wrong at once. */
export class InvalidDefinition extends Error {
  override readonly name = 'InvalidDefinition';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(
      `the state machine definition cannot be run:\n${problems.map((problem) => `- ${problem}`).join('\n')}`,
    );
    this.problems = problems;
  }
}

export interface LoadOptions {
  /** Factor on retry pauses. */
  readonly timeScale: number;
}

/** What the loader carries through the definition. */
export interface Loader extends LoadOptions {
  problem(place: string, message: string): void;
  /** The names of all states so far: they are unique over the whole machine. */
  readonly names: Set<string>;
  /** Makes the states of a nested scope ready; `place` is where its fields are. */
  prepareScope(definition: JsonObject, place: string): Scope;
}

/** What a Node.js timer can hold, in whole seconds; longer ones would fire at once. */
export const LONGEST_TIMER_SECONDS = 2_147_483;

export function checkFields(
  object: JsonObject,
  known: readonly string[],
  place: string,
  loader: Loader,
): void {
  for (const field of Object.keys(object)) {
    if (!known.includes(field)) loader.problem(`${place}.${field}`, 'is not simulated');
  }
  const language = object.QueryLanguage;
  if (language !== undefined && language !== 'JSONPath') {
    loader.problem(`${place}.QueryLanguage`, 'only JSONPath is simulated');
  }
}

export function positiveInteger(value: Json | undefined, place: string, loader: Loader): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 99_999_999) return value;
  loader.problem(place, 'must be a whole number from 1 to 99999999');
  return undefined;
}
