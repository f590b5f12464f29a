import { readFileSync } from 'node:fs';
import { join } from 'node:path';

// biome-ignore lint/suspicious/noExplicitAny: a definition is read as the JSON it is, not through the types that made it
export type Json = any;

/** The template's resources, as CloudFormation would see them. */
export function readTemplate(assemblyFolder: string): Json {
  return JSON.parse(readFileSync(join(assemblyFolder, 'Landfall.template.json'), 'utf8'));
}

/**
 * The definition of the state machine whose logical id begins with `name`, with each function's ARN replaced by
 * `<step>`: the handler's file name, taken from the template.
 */
export function readDefinition(assemblyFolder: string, name: string): Json {
  const { Resources } = readTemplate(assemblyFolder);
  const machine = Object.entries<Json>(Resources).find(
    ([id, { Type }]) => Type === 'AWS::StepFunctions::StateMachine' && id.startsWith(name),
  );
  if (!machine) throw new Error(`the template has no state machine ${name}`);
  const parts: Json[] = machine[1].Properties.DefinitionString['Fn::Join'][1];
  const text = parts.map((part) => (typeof part === 'string' ? part : nameOf(part, Resources))).join('');
  return JSON.parse(text);
}

function nameOf(token: Json, resources: Json): string {
  const logicalId = token['Fn::GetAtt']?.[0];
  const handler: string | undefined = resources[logicalId]?.Properties?.Handler;
  if (!handler) throw new Error(`unexpected token ${JSON.stringify(token)}`);
  return `<${handler.replace(/^restore\/|\.handler$/g, '')}>`;
}

export interface NamedState {
  readonly name: string;
  readonly state: Json;
  /** The states it stands among: those that its Next can name. */
  readonly scope: Json;
}

/** Every state of a definition, nested ones included. */
export function allStates(scope: Json): NamedState[] {
  return Object.entries<Json>(scope.States).flatMap(([name, state]) => [
    { name, state, scope },
    ...(state.Branches ?? []).flatMap(allStates),
    ...(state.ItemProcessor ? allStates(state.ItemProcessor) : []),
  ]);
}
