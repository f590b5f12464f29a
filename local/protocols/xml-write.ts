import { UnfitOutput } from './http-message.ts';
import { describe, formatScalar } from './scalars.ts';
import type { Element, ListShape, MapShape, Member, Shape, StructureShape } from './shape.ts';

/**
 * The members of a structure as XML elements, without the element around them.
 * @throws UnfitOutput when the value holds a member that the shape does not know, or one of another type
 */
export function writeXmlMembers(shape: StructureShape, value: unknown, path: string): string {
  const record = recordOf(value, path);
  refuseUnknown(shape, record, path);
  let xml = '';
  for (const member of shape.members) {
    const memberValue = record[member.name];
    if (memberValue === undefined || memberValue === null) continue;
    if (isBoundElsewhere(member) || member.traits.xmlAttribute) continue;
    const here = `${path}.${member.name}`;
    xml += writeElement({ name: member.xmlName, element: member, value: memberValue, path: here });
  }
  return xml;
}

interface ElementToWrite {
  readonly name: string;
  readonly element: Element;
  readonly value: unknown;
  readonly path: string;
}

/** One value as an element `name` (a flattened list or map: as many elements of that name). */
export function writeElement({ name, element, value, path }: ElementToWrite): string {
  const { shape, traits } = element;
  if (shape.kind === 'list') return writeList({ name, shape, traits, value, path });
  if (shape.kind === 'map') return writeMap({ name, shape, traits, value, path });
  return `<${name}${attributesOf(element, value)}>${writeContent(shape, value, path)}</${name}>`;
}

function writeContent(shape: Shape, value: unknown, path: string): string {
  if (shape.kind === 'structure') return writeXmlMembers(shape, value, path);
  return escapeXml(formatScalar(shape, value, { path, timestamps: 'date-time' }));
}

function attributesOf(element: Element, value: unknown): string {
  let attributes = '';
  const namespace = element.traits.xmlNamespace;
  if (namespace) {
    const [prefix, uri] = namespace;
    attributes += ` xmlns${prefix ? `:${prefix}` : ''}="${escapeXml(uri)}"`;
  }
  if (element.shape.kind !== 'structure') return attributes;
  for (const member of element.shape.members) {
    if (!member.traits.xmlAttribute) continue;
    const memberValue = recordOf(value, member.name)[member.name];
    if (memberValue !== undefined) attributes += ` ${member.xmlName}="${escapeXml(String(memberValue))}"`;
  }
  return attributes;
}

interface ListToWrite extends Omit<ElementToWrite, 'element'> {
  readonly shape: ListShape;
  readonly traits: Element['traits'];
}

function writeList({ name, shape, traits, value, path }: ListToWrite): string {
  if (!Array.isArray(value)) throw new UnfitOutput(`${path} is to be a list, not ${describe(value)}`);
  const flat = traits.xmlFlattened !== undefined;
  const itemName = flat ? name : (shape.item.traits.xmlName ?? 'member');
  const items = value
    .map((item, i) =>
      writeElement({
        name: itemName,
        element: shape.item,
        value: item,
        path: `${path}[${i}]`,
      }),
    )
    .join('');
  if (flat) return items;
  return `<${name}>${items}</${name}>`;
}

interface MapToWrite extends Omit<ElementToWrite, 'element'> {
  readonly shape: MapShape;
  readonly traits: Element['traits'];
}

function writeMap({ name, shape, traits, value, path }: MapToWrite): string {
  const flat = traits.xmlFlattened !== undefined;
  const keyName = shape.key.traits.xmlName ?? 'key';
  const valueName = shape.value.traits.xmlName ?? 'value';
  const entryName = flat ? name : 'entry';
  let entries = '';
  for (const [key, entryValue] of Object.entries(recordOf(value, path))) {
    if (entryValue === undefined) continue;
    const here = `${path}.${key}`;
    const written = writeElement({ name: valueName, element: shape.value, value: entryValue, path: here });
    entries += `<${entryName}><${keyName}>${escapeXml(key)}</${keyName}>${written}</${entryName}>`;
  }
  return flat ? entries : `<${name}>${entries}</${name}>`;
}

/** Whether the member travels in a header, the status line or as the whole body instead of in the XML. */
export function isBoundElsewhere(member: Member): boolean {
  const { traits } = member;
  return (
    traits.httpHeader !== undefined ||
    traits.httpPrefixHeaders !== undefined ||
    traits.httpPayload !== undefined ||
    traits.httpResponseCode !== undefined
  );
}

/** @throws UnfitOutput naming a member of `record` that the shape lacks: a typing slip would vanish silently. */
export function refuseUnknown(shape: StructureShape, record: Record<string, unknown>, path: string): void {
  for (const name of Object.keys(record)) {
    if (record[name] === undefined || name === '$metadata') continue;
    if (!shape.members.some((member) => member.name === name)) {
      throw new UnfitOutput(`${path}.${name} is no member of ${shape.name}`);
    }
  }
}

/** @throws UnfitOutput */
export function recordOf(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UnfitOutput(`${path} is to be an object, not ${describe(value)}`);
  }
  return value as Record<string, unknown>;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '\r': '&#xD;',
};

/** Text for an element or attribute. Characters that XML 1.0 cannot hold at all become U+FFFD. */
export function escapeXml(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones XML 1.0 forbids
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
      .replace(/[&<>"'\r]/g, (character) => ESCAPES[character] ?? character)
  );
}
