import type { Json } from './json.ts';
import { isJsonObject } from './json.ts';

/** A reference path: one place in the state's data (`$`) or in the context object (`$$`). */
export interface Path {
  readonly text: string;
  readonly root: '$' | '$$';
  readonly steps: readonly (string | number)[];
}

const STEP = /\.([A-Za-z_]\w*)|\['([\w .:/-]*[A-Za-z_ .:/-][\w .:/-]*)'\]|\[(\d{1,9})\]/y;

/**
 * Parses `$.a.b`, `$.a[0]`, `$['a-b']`, `$$.Execution.Name`. Wildcards, filters, slices and descents are not supported:
 * the interpreter's JSONPath library and AWS's differ there. Returns undefined for anything else.
 */
export function parsePath(text: string): Path | undefined {
  const root = text.startsWith('$$') ? '$$' : '$';
  if (!text.startsWith(root)) return undefined;
  const steps: (string | number)[] = [];
  STEP.lastIndex = root.length;
  while (STEP.lastIndex < text.length) {
    const match = STEP.exec(text);
    if (!match) return undefined;
    const [, dotted, quoted, index] = match;
    const step = dotted ?? quoted ?? Number(index);
    // The JSONPath library would answer with the length of a string or array.
    if (step === 'length') return undefined;
    steps.push(step);
  }
  return { text, root, steps };
}

/** The value a path points to; undefined when there is none. */
export function valueAt(path: Path, root: Json | undefined): Json | undefined {
  let value: Json | undefined = root;
  for (const step of path.steps) {
    if (typeof step === 'number') value = Array.isArray(value) ? value[step] : undefined;
    else value = isJsonObject(value) && Object.hasOwn(value, step) ? value[step] : undefined;
  }
  return value;
}
