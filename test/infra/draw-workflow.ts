/**
 * Draws the state machines of the synthesised template as Mermaid diagrams into docs/restore.md, between its
 * markers: `node test/infra/draw-workflow.ts` writes, `--check` only compares (a test calls it so).
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureAssembly } from '../../cli/assembly.ts';
import { type Json, readDefinition } from '../support/definitions.ts';

const documentFile = join(import.meta.dirname, '..', '..', 'docs', 'restore.md');

/** A polling loop is three states and three Fails around one check: drawn as the check, with a way back to itself. */
function isLoopPart(name: string, scope: Json): boolean {
  const checks = Object.keys(scope.States).filter((check) => `WaitTo${check}` in scope.States);
  return checks.some((check) =>
    [
      `WaitTo${check}`,
      ...['Outcome', 'Ready', 'Failed', 'TimedOut', 'StatusUnknown'].map((end) => check + end),
    ].includes(name),
  );
}

function drawScope(scope: Json, indent: string): string[] {
  const loops = new Set(Object.keys(scope.States).filter((name) => isLoopPart(name, scope)));
  /** Follows a transition through the hidden parts of a loop to the state that is drawn. */
  const target = (name: string): string => {
    if (!loops.has(name)) return name;
    if (name.startsWith('WaitTo')) return name.slice('WaitTo'.length);
    const state = scope.States[name];
    return state.End ? '[*]' : target(state.Next);
  };
  const lines = [`${indent}[*] --> ${target(scope.StartAt)}`];
  for (const [name, state] of Object.entries<Json>(scope.States)) {
    if (loops.has(name)) continue;
    lines.push(...drawState(name, state, indent));
    const isCheck = `WaitTo${name}` in scope.States;
    if (isCheck) {
      lines.push(`${indent}${name} --> ${name}: not yet`);
      lines.push(`${indent}${name} --> ${target(`${name}Ready`)}`);
      for (const [next, label] of exits(name, scope)) lines.push(`${indent}${name} --> ${next}: ${label}`);
      continue;
    }
    for (const [next, label] of transitions(state)) {
      lines.push(
        `${indent}${name} --> ${next === '[*]' ? next : target(next)}${label === '' ? '' : `: ${label}`}`,
      );
    }
  }
  return lines;
}

function drawState(name: string, state: Json, indent: string): string[] {
  const scopes: Json[] = state.Branches ?? (state.ItemProcessor ? [state.ItemProcessor] : []);
  if (scopes.length === 0) return [];
  const each = state.Type === 'Map' ? [`${indent}${name}: ${name} (for each)`] : [];
  const inner = scopes.flatMap((scope, index) => [
    ...(index === 0 ? [] : [`${indent}  --`]),
    ...drawScope(scope, `${indent}  `),
  ]);
  return [...each, `${indent}state ${name} {`, ...inner, `${indent}}`];
}

function transitions(state: Json): [string, string][] {
  const caught = (state.Catch ?? []).map(({ Next }: Json) => [Next, 'on failure']);
  switch (state.Type) {
    case 'Choice':
      return [...state.Choices.map((rule: Json) => [rule.Next, labelOf(rule)]), [state.Default, 'otherwise']];
    case 'Succeed':
    case 'Fail':
      return [['[*]', state.Type === 'Fail' ? 'FAILED' : '']];
    default:
      return [[state.End ? '[*]' : state.Next, ''], ...caught];
  }
}

/** Where a loop goes on besides its good end: to states that are not part of it. */
function exits(check: string, scope: Json): [string, string][] {
  const rules: Json[] = scope.States[`${check}Outcome`].Choices;
  return rules
    .filter(({ Next }) => !isLoopPart(Next, scope))
    .map((rule) => [rule.Next, (rule.Or ?? [rule]).map(labelOf).join(', ')]);
}

/** What a rule of a drawn Choice asks for: the value it compares with. */
function labelOf({ Next: _next, Variable: _variable, ...comparison }: Json): string {
  // Statuses that are waited for, and the deadline.
  if (comparison.And) return 'too late';
  return String(Object.values(comparison)[0]);
}

const draw = (definition: Json): string =>
  ['```mermaid', 'stateDiagram-v2', '  direction TB', ...drawScope(definition, '  '), '```'].join('\n');

const assemblyFolder = await ensureAssembly();
const before = readFileSync(documentFile, 'utf8');
const after = ['Restore', 'CleanUp'].reduce(
  (text, name) =>
    text.replace(
      new RegExp(`(<!-- diagram ${name} -->\n)[^]*?(<!-- end -->)`),
      (_, start: string, end: string) => `${start}${draw(readDefinition(assemblyFolder, name))}\n${end}`,
    ),
  before,
);
if (process.argv.includes('--check')) {
  if (after !== before) {
    console.error(
      'docs/restore.md shows another workflow than the template has: run node test/infra/draw-workflow.ts',
    );
    process.exitCode = 1;
  }
} else {
  writeFileSync(documentFile, after);
}
