import { UnfitInput } from './http-message.ts';
import { parseScalar } from './scalars.ts';
import type { Element, Member, Shape, StructureShape } from './shape.ts';
import type { XmlElement } from './xml-parse.ts';
import { isBoundElsewhere } from './xml-write.ts';

/**
 * The value that an XML element spells; elements that the shape does not know are refused, as S3 does.
 * @throws UnfitInput
 */
export function readXml(shape: Shape, element: XmlElement, path: string): unknown {
  switch (shape.kind) {
    case 'structure':
      return readXmlStructure(shape, element, path);
    case 'list':
      return element.children.map((child, i) => readXml(shape.item.shape, child, `${path}[${i}]`));
    case 'map':
      return Object.fromEntries(element.children.map((entry) => readEntry(shape, entry, path)));
    default:
      if (element.children.length > 0)
        throw new UnfitInput('malformed', path, `${path} is to hold text only`);
      return parseScalar(shape, element.text, path);
  }
}

function readXmlStructure(shape: StructureShape, element: XmlElement, path: string): Record<string, unknown> {
  const byName = new Map<string, XmlElement[]>();
  for (const child of element.children) {
    const same = byName.get(child.name);
    if (same) same.push(child);
    else byName.set(child.name, [child]);
  }
  const out: Record<string, unknown> = {};
  for (const member of shape.members) {
    if (isBoundElsewhere(member)) continue;
    const value = readMember(member, { element, byName, path: `${path}.${member.xmlName}` });
    if (value !== undefined) out[member.name] = value;
    else if (member.required) {
      throw new UnfitInput('missing', `${path}.${member.xmlName}`, `${path} needs a ${member.xmlName}`);
    }
    byName.delete(member.xmlName);
  }
  const unknown = byName.keys().next().value;
  if (unknown !== undefined) {
    throw new UnfitInput('unknown', `${path}.${unknown}`, `${path} has no ${unknown.slice(0, 80)}`);
  }
  return out;
}

interface MemberSource {
  readonly element: XmlElement;
  readonly byName: ReadonlyMap<string, readonly XmlElement[]>;
  readonly path: string;
}

function readMember(member: Member, { element, byName, path }: MemberSource): unknown {
  const { shape, traits } = member;
  if (traits.xmlAttribute) {
    const text = element.attributes.get(member.xmlName);
    return text === undefined ? undefined : parseScalar(shape, text, path);
  }
  const found = byName.get(member.xmlName);
  const first = found?.[0];
  if (!found || !first) return undefined;
  if (traits.xmlFlattened !== undefined) {
    if (shape.kind === 'list')
      return found.map((child, i) => readXml(shape.item.shape, child, `${path}[${i}]`));
    if (shape.kind === 'map') return Object.fromEntries(found.map((entry) => readEntry(shape, entry, path)));
  }
  if (found.length > 1) throw new UnfitInput('malformed', path, `${path} is there more than once`);
  return readXml(shape, first, path);
}

function readEntry(
  shape: { readonly key: Element; readonly value: Element },
  entry: XmlElement,
  path: string,
): [string, unknown] {
  const key = entry.children.find((child) => child.name === (shape.key.traits.xmlName ?? 'key'));
  const value = entry.children.find((child) => child.name === (shape.value.traits.xmlName ?? 'value'));
  if (!key || !value) throw new UnfitInput('missing', path, `An entry of ${path} needs a key and a value`);
  return [key.text, readXml(shape.value.shape, value, `${path}.${key.text}`)];
}
