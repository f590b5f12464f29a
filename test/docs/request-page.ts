import { z } from 'zod';
import { restoreRequestSchema } from '../../core/model/request.ts';
import type { Json } from '../support/definitions.ts';

const INTRODUCTION = `# The restore request

What a restore is asked for: the input of the state machines \`Restore\` and \`Plan\`, the detail of the event
\`Restore Requested\`, and what \`landfall restore --request FILE\` and \`landfall plan --request FILE\` read. Only
\`restorePoint\` is required. A field that is not named here is refused, and so is everything that \`landfall plan\` would
find wrong: all of it at once, each with field, value and fix.

This page is drawn from [\`core/model/request.ts\`](../core/model/request.ts) by \`node test/docs/write-docs.ts\`.

\`\`\`json
{
  "restorePoint": { "workload": "web01", "at": "latest" },
  "target": { "instanceType": "m7i.large", "subnetId": "subnet-0123456789abcdef0" },
  "disks": [{ "id": "data", "volumeType": "gp3", "iops": 6000, "throughput": 500 }],
  "reason": "site B is gone"
}
\`\`\`
`;

/** What the schema's patterns stand for: a pattern is for machines. */
const FORMS: readonly (readonly [pattern: RegExp, form: string])[] = [
  [/^\^(subnet|sg|ami|i|vol)-\\?\[0-9a-f/, 'id like `$1-0123456789abcdef0`'],
  [/^\^s3:/, '`s3://bucket/prefix`'],
  [/^\^\(\\\/dev\\\/\)\?/, 'device name like `/dev/sdf`'],
  [/^\^\[a-z\]\{2\}\(-\[a-z\]\+\)\+-\\d/, 'zone like `us-east-1a`'],
];

/** The page docs/request.md. @throws Error for a field without a description, or of a form that has no words yet */
export function requestPage(): string {
  const schema = z.toJSONSchema(restoreRequestSchema, { io: 'input', unrepresentable: 'any' });
  const sections = sectionsOf(schema, '');
  return `${INTRODUCTION}\n${sections.join('\n')}`;
}

/** The table of an object, and of the objects in it. */
function sectionsOf(schema: Json, path: string): string[] {
  const required = new Set<string>(schema.required ?? []);
  const fields = Object.entries<Json>(schema.properties);
  const rows = fields.map(([name, field]) => {
    const label = `\`${path}${name}\`${required.has(name) ? ' (required)' : ''}`;
    return `| ${label} | ${typeOf(field, path + name)} | ${defaultOf(field)} | ${meaningOf(field, path + name)} |`;
  });
  const title = path === '' ? '## The fields' : `## \`${path.replace(/\.$/, '')}\``;
  const table = ['| field | form | default | meaning |', '|---|---|---|---|', ...rows].join('\n');
  const inner = fields.flatMap(([name, field]) => {
    const object = objectIn(field);
    return object ? sectionsOf(object.schema, `${path}${name}${object.suffix}.`) : [];
  });
  return [`${title}\n\n${table}\n`, ...inner];
}

/** The object that a field is, or holds several of, with fields of its own. */
function objectIn(field: Json): { schema: Json; suffix: string } | undefined {
  if (field.properties) return { schema: field, suffix: '' };
  if (field.items?.properties) return { schema: field.items, suffix: '[]' };
  const alternative = field.anyOf?.find(({ properties }: Json) => properties);
  return alternative && { schema: alternative, suffix: '' };
}

function typeOf(field: Json, name: string): string {
  if (field.const !== undefined) return `\`${field.const}\``;
  if (field.enum) return field.enum.map((value: string) => `\`${value}\``).join(', ');
  if (field.anyOf) return field.anyOf.map((each: Json) => typeOf(each, name)).join(', or ');
  switch (field.type) {
    case 'string':
      return textForm(field, name);
    case 'integer':
      return rangeOf(field);
    case 'boolean':
      return '`true`, `false`';
    case 'array':
      return `list of ${field.items.properties ? 'objects' : typeOf(field.items, name)}${countOf(field)}`;
    case 'object':
      return field.properties ? 'object' : 'texts by key';
    default:
      throw new Error(`${name} is of a form that this page has no words for: ${JSON.stringify(field)}`);
  }
}

function textForm({ pattern, format, minLength, maxLength }: Json, name: string): string {
  if (format === 'date-time') return 'time like `2026-01-31T08:00:00Z`';
  if (format === 'ipv4') return 'IPv4 address';
  if (pattern !== undefined) {
    const [form, words] = FORMS.find(([each]) => each.test(pattern)) ?? [];
    if (!form || words === undefined) throw new Error(`${name}: say in words what ${pattern} stands for`);
    return words.replace('$1', form.exec(pattern)?.[1] ?? '');
  }
  const least = minLength === undefined ? 'up to' : `${minLength} to`;
  if (maxLength !== undefined) return `text, ${least} ${maxLength} characters`;
  return 'text';
}

function rangeOf({ minimum, exclusiveMinimum, maximum }: Json): string {
  const least = minimum ?? (exclusiveMinimum === undefined ? undefined : exclusiveMinimum + 1);
  if (maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER)
    return `whole number, ${least} to ${maximum}`;
  return `whole number, ${least} or more`;
}

function countOf({ minItems, maxItems }: Json): string {
  if (maxItems !== undefined) return `, ${minItems ?? 0} to ${maxItems}`;
  return minItems === undefined ? '' : `, ${minItems} or more`;
}

function defaultOf(field: Json): string {
  const value = field.default;
  const isNothing = value === undefined || JSON.stringify(value) === '{}' || JSON.stringify(value) === '[]';
  return isNothing ? '' : `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

function meaningOf(field: Json, name: string): string {
  if (field.description === undefined) throw new Error(`${name} has no description in core/model/request.ts`);
  return field.description.replaceAll('|', '\\|');
}
