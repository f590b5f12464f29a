/** An element of a parsed document. Comments, processing instructions and the DOCTYPE are dropped. */
export interface XmlElement {
  /** Local name: a prefix is cut off, since AWS's documents are told by their element names alone. */
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlElement[];
  /** The text directly inside, all pieces joined. */
  readonly text: string;
}

export class MalformedXml extends Error {
  override readonly name = 'MalformedXml';
}

/** AWS's documents nest a handful deep; the limit keeps a hostile one from costing more than its length. */
const MAX_DEPTH = 64;

const NAME = /[A-Za-z_:\u0080-\uffff][\w:.\-\u0080-\uffff]*/y;
const ATTRIBUTE = /\s+([A-Za-z_:\u0080-\uffff][\w:.\-\u0080-\uffff]*)\s*=\s*("[^"<]*"|'[^'<]*')/y;
const TAG_END = /\s*(\/?)>/y;

interface OpenElement {
  readonly rawName: string;
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: XmlElement[];
  text: string;
}

/**
 * The root element of an XML document: as much XML as AWS's protocols use, no entities but the five of XML and
 * character references, so that nothing expands.
 * @throws MalformedXml
 */
export function parseXml(xml: string): XmlElement {
  const document: OpenElement = { rawName: '', name: '', attributes: new Map(), children: [], text: '' };
  const open: OpenElement[] = [document];
  let at = xml.startsWith('\ufeff') ? 1 : 0;
  while (at < xml.length) {
    const here = open[open.length - 1] ?? document;
    if (xml[at] !== '<') {
      const end = indexOrEnd(xml, '<', at);
      here.text += decodeText(xml.slice(at, end));
      at = end;
    } else if (xml.startsWith('<!--', at)) at = after(xml, '-->', at + 4);
    else if (xml.startsWith('<![CDATA[', at)) {
      const end = after(xml, ']]>', at + 9);
      here.text += xml.slice(at + 9, end - 3);
      at = end;
    } else if (xml.startsWith('<?', at)) at = after(xml, '?>', at + 2);
    else if (xml.startsWith('<!', at)) at = afterDoctype(xml, at);
    else if (xml.startsWith('</', at)) at = closeElement(xml, at, open);
    else at = openElement(xml, at, open);
  }
  return rootOf(document, open);
}

function rootOf(document: OpenElement, open: readonly OpenElement[]): XmlElement {
  const root = document.children[0];
  if (open.length > 1) throw new MalformedXml(`<${open.at(-1)?.rawName}> is not closed`);
  if (!root || document.children.length > 1)
    throw new MalformedXml('a document has exactly one root element');
  if (document.text.trim() !== '') throw new MalformedXml('there is text outside the root element');
  return root;
}

function openElement(xml: string, start: number, open: OpenElement[]): number {
  if (open.length > MAX_DEPTH) throw new MalformedXml('the elements are nested too deeply');
  NAME.lastIndex = start + 1;
  const rawName = NAME.exec(xml)?.[0];
  if (rawName === undefined) throw new MalformedXml(`there is no element name at ${start}`);
  let at = start + 1 + rawName.length;
  const attributes = new Map<string, string>();
  for (;;) {
    ATTRIBUTE.lastIndex = at;
    const found = ATTRIBUTE.exec(xml);
    if (!found) break;
    attributes.set(found[1] ?? '', decodeText((found[2] ?? '').slice(1, -1)));
    at = ATTRIBUTE.lastIndex;
  }
  TAG_END.lastIndex = at;
  const end = TAG_END.exec(xml);
  if (!end) throw new MalformedXml(`the tag <${rawName}> does not end properly`);
  const element: OpenElement = { rawName, name: localName(rawName), attributes, children: [], text: '' };
  open[open.length - 1]?.children.push(element);
  if (end[1] === '') open.push(element);
  return TAG_END.lastIndex;
}

function closeElement(xml: string, start: number, open: OpenElement[]): number {
  const end = after(xml, '>', start);
  const name = xml.slice(start + 2, end - 1).trimEnd();
  const element = open.length > 1 ? open.pop() : undefined;
  if (element?.rawName !== name) throw new MalformedXml(`</${name.slice(0, 80)}> closes nothing`);
  return end;
}

/** A DOCTYPE without internal subset is skipped; with one it could define entities, so it is refused. */
function afterDoctype(xml: string, start: number): number {
  const end = after(xml, '>', start);
  if (xml.slice(start, end).includes('['))
    throw new MalformedXml('document type definitions are not accepted');
  return end;
}

function after(xml: string, mark: string, from: number): number {
  const found = xml.indexOf(mark, from);
  if (found < 0) throw new MalformedXml(`"${mark}" is missing`);
  return found + mark.length;
}

function indexOrEnd(xml: string, mark: string, from: number): number {
  const found = xml.indexOf(mark, from);
  return found < 0 ? xml.length : found;
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function decodeText(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&([^;\s]{1,12});|&/g, (whole, name: string | undefined) => {
    const plain = name === undefined ? undefined : ENTITIES[name];
    if (plain !== undefined) return plain;
    const code = /^#(x[0-9a-fA-F]+|[0-9]+)$/.exec(name ?? '')?.[1];
    const point = code === undefined ? Number.NaN : Number(code.startsWith('x') ? `0${code}` : code);
    if (!(point <= 0x10ffff)) throw new MalformedXml(`the entity ${whole} is not known`);
    return String.fromCodePoint(point);
  });
}
