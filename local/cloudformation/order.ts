import type { Template, TemplateResource, Value } from './template.ts';
import { isList, isObject } from './template.ts';

export class DependencyCycle extends Error {
  override readonly name = 'DependencyCycle';
}

/** Logical ids so that each comes after what it depends on. @throws DependencyCycle naming the ids in it */
export function deploymentOrder(template: Template): string[] {
  const ordered: string[] = [];
  const done = new Set<string>();
  const visit = (logicalId: string, path: readonly string[]): void => {
    if (done.has(logicalId)) return;
    if (path.includes(logicalId)) {
      throw new DependencyCycle(
        `resources depend on each other: ${[...path.slice(path.indexOf(logicalId)), logicalId].join(' -> ')}`,
      );
    }
    const resource = template.Resources[logicalId];
    if (!resource) return;
    for (const dependency of dependenciesOf(resource)) visit(dependency, [...path, logicalId]);
    done.add(logicalId);
    ordered.push(logicalId);
  };
  for (const logicalId of Object.keys(template.Resources)) visit(logicalId, []);
  return ordered;
}

/** The names a resource refers to or declares to depend on; parameters may be among them. */
export function dependenciesOf(resource: TemplateResource): string[] {
  const { DependsOn: declared = [] } = resource;
  const found = typeof declared === 'string' ? [declared] : [...declared];
  collect(resource.Properties, found);
  return found;
}

/** Collects every name that a value refers to; parameters and pseudo parameters among them do no harm. */
function collect(value: Value, found: string[]): void {
  if (isList(value)) {
    for (const item of value) collect(item, found);
    return;
  }
  if (!isObject(value)) return;
  for (const [key, member] of Object.entries(value)) {
    if (key === 'Ref' && typeof member === 'string') found.push(member);
    else if (key === 'Fn::GetAtt')
      found.push(isList(member) ? String(member[0]) : (String(member).split('.')[0] ?? ''));
    else if (key === 'Fn::Sub') {
      const text = isList(member) ? String(member[0]) : String(member);
      for (const [, name = ''] of text.matchAll(/\$\{([^!}][^}]*)\}/g)) found.push(name.split('.')[0] ?? '');
      if (isList(member)) collect(member.slice(1), found);
    } else collect(member, found);
  }
}
