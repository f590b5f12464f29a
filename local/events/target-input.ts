import { InvalidEventPattern } from './pattern.ts';

/** How a target's input is made from an event. */
export interface TargetInput {
  /** Constant JSON. */
  readonly input?: string | undefined;
  /** A place in the event. */
  readonly inputPath?: string | undefined;
  readonly transformer?:
    | { readonly paths: Readonly<Record<string, string>>; readonly template: string }
    | undefined;
}

export interface RuleFacts {
  readonly ruleName: string;
  readonly ruleArn: string;
}

type Event = Readonly<Record<string, unknown>>;

const PATH = /^\$(\.[\w-]+|\[\d+\]|\['[^']+'\])*$/;

/** @throws InvalidEventPattern for paths and placeholders that cannot be followed */
export function checkTargetInput({ input, inputPath, transformer }: TargetInput): void {
  if (input !== undefined) JSON.parse(input);
  const paths = [...(inputPath === undefined ? [] : [inputPath]), ...Object.values(transformer?.paths ?? {})];
  for (const path of paths) {
    if (!PATH.test(path)) throw new InvalidEventPattern(`the path ${path} is not simulated`);
  }
  for (const [, name = ''] of transformer?.template.matchAll(PLACEHOLDER) ?? []) {
    if (!Object.hasOwn(transformer?.paths ?? {}, name) && !(name in RESERVED)) {
      throw new InvalidEventPattern(`<${name}> of the input template is not in InputPathsMap`);
    }
  }
}

/** The JSON that the target gets. */
export function targetInput(
  { input, inputPath, transformer }: TargetInput,
  event: Event,
  rule: RuleFacts,
): string {
  if (input !== undefined) return input;
  if (inputPath !== undefined) return JSON.stringify(valueAt(event, inputPath) ?? {});
  if (transformer) return fillTemplate(transformer, event, rule);
  return JSON.stringify(event);
}

const PLACEHOLDER = /<([\w.-]+)>/g;

const RESERVED: Readonly<Record<string, (event: Event, rule: RuleFacts) => unknown>> = {
  'aws.events.rule-arn': (_event, rule) => rule.ruleArn,
  'aws.events.rule-name': (_event, rule) => rule.ruleName,
  'aws.events.event.ingestion-time': (event) => event.time,
  'aws.events.event.json': (event) => event,
  'aws.events.event': ({ detail: _detail, ...event }) => event,
};

/**
 * Fills an input template. Outside quotes a placeholder becomes the value's JSON, inside quotes its text.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
 */
function fillTemplate(
  { paths, template }: NonNullable<TargetInput['transformer']>,
  event: Event,
  rule: RuleFacts,
): string {
  const lookUp = (name: string): unknown => {
    const path = paths[name];
    return path === undefined ? RESERVED[name]?.(event, rule) : valueAt(event, path);
  };
  let filled = '';
  let quoted = false;
  let from = 0;
  for (const match of template.matchAll(PLACEHOLDER)) {
    const before = template.slice(from, match.index);
    filled += before;
    quoted = isQuotedAfter(before, quoted);
    filled += quoted ? insideQuotes(lookUp(match[1] ?? '')) : JSON.stringify(lookUp(match[1] ?? '') ?? null);
    from = match.index + match[0].length;
  }
  return filled + template.slice(from);
}

function isQuotedAfter(text: string, quoted: boolean): boolean {
  const quotes = text.replace(/\\./g, '').split('"').length - 1;
  return quotes % 2 === 0 ? quoted : !quoted;
}

function insideQuotes(value: unknown): string {
  if (value === undefined || value === null) return '';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return JSON.stringify(text).slice(1, -1);
}

function valueAt(event: Event, path: string): unknown {
  let value: unknown = event;
  for (const [, dotted, index, quoted] of path.matchAll(/\.([\w-]+)|\[(\d+)\]|\['([^']+)'\]/g)) {
    const key = dotted ?? quoted ?? index ?? '';
    if (typeof value !== 'object' || value === null) return undefined;
    value = Object.entries(value).find(([name]) => name === key)?.[1];
  }
  return value;
}
