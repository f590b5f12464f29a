import { AwsError } from '../service.ts';
import type {
  AnswerContext,
  ParsedRequest,
  ProtocolAdapter,
  WireAnswer,
  WireRequest,
} from './http-message.ts';
import { isAnswerBody, readWhole, UNKNOWN_OPERATION, UnfitInput } from './http-message.ts';
import { isStreamed, payloadOf, readBindings, writeBindings } from './rest-bindings.ts';
import type { RestService } from './rest-json.ts';
import type { Routed } from './rest-router.ts';
import { makeRouter } from './rest-router.ts';
import type { Member, StructureShape } from './shape.ts';
import { MalformedXml, parseXml } from './xml-parse.ts';
import { readXml } from './xml-read.ts';
import { escapeXml, writeElement, writeXmlMembers } from './xml-write.ts';

export interface RestXmlService extends RestService {
  readonly xmlNamespace: string;
}

/** REST-XML (aws.protocols#restXml), as S3 speaks it. */
export function makeRestXmlAdapter(service: RestXmlService): ProtocolAdapter {
  const router = makeRouter(service.shapes.operations.values(), service.isSimulated);
  return {
    parse: (request) => parseRestXml(router.route(request), request),
    answer: (output, context) => restXmlAnswer(service, output, context),
    answerError: (error, context) => restXmlError(service, error, context),
  };
}

async function parseRestXml(routed: Routed | undefined, request: WireRequest): Promise<ParsedRequest> {
  if (!routed) {
    const message = 'The specified method is not allowed against this resource.';
    return { operation: UNKNOWN_OPERATION, refusal: new AwsError('MethodNotAllowed', message, 405) };
  }
  const operation = routed.operation.name;
  try {
    return { operation, input: await readInput(routed, request) };
  } catch (error) {
    if (error instanceof MalformedXml || (error instanceof UnfitInput && error.path.includes('.'))) {
      const message = `The XML you provided was not well-formed or did not validate against our published schema (${error.message})`;
      return { operation, refusal: new AwsError('MalformedXML', message, 400) };
    }
    if (!(error instanceof UnfitInput)) throw error;
    const code = error.kind === 'malformed' ? 'MalformedXML' : 'InvalidArgument';
    return { operation, refusal: new AwsError(code, error.message, 400, { ArgumentName: error.path }) };
  }
}

/** @throws UnfitInput, MalformedXml */
async function readInput(
  { operation, labels }: Routed,
  request: WireRequest,
): Promise<Record<string, unknown>> {
  if (operation.input.kind !== 'structure') return {};
  const input = readBindings(operation.input, request, labels);
  const payload = payloadOf(operation.input);
  if (!payload) return input;
  if (isStreamed(payload)) return { ...input, [payload.name]: request.body };
  const bytes = await readWhole(request.body);
  if (bytes.length === 0) {
    if (payload.required) throw new UnfitInput('malformed', payload.name, 'The request needs a body');
    return input;
  }
  if (payload.shape.kind === 'blob') return { ...input, [payload.name]: bytes };
  const text = bytes.toString('utf8');
  if (payload.shape.kind === 'string') return { ...input, [payload.name]: text };
  return { ...input, [payload.name]: readXml(payload.shape, parseXml(text), rootName(payload)) };
}

function rootName(payload: Member): string {
  return payload.traits.xmlName ?? (payload.shape.kind === 'structure' ? payload.shape.name : payload.name);
}

const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';

function restXmlAnswer(
  service: RestXmlService,
  output: Record<string, unknown>,
  context: AnswerContext,
): WireAnswer {
  const operation = service.shapes.operations.get(context.operation);
  const statusCode = operation?.http?.[2] ?? 200;
  const headers = requestIds(context);
  const shape = operation?.output;
  if (shape?.kind !== 'structure') return { statusCode, headers, body: '' };
  const bound = writeBindings(shape, output, statusCode);
  // Part of an object is answered as such; the schema has no word for it.
  const partial = bound.headers['content-range'] !== undefined;
  const answer = { statusCode: partial ? 206 : bound.statusCode, headers: { ...headers, ...bound.headers } };
  const payload = payloadOf(shape);
  const content = payload ? output[payload.name] : undefined;
  if (content instanceof Uint8Array || typeof content === 'string' || isAnswerBody(content)) {
    return { ...answer, body: content };
  }
  const xml = xmlBody(service, { shape, payload, output, operation: context.operation });
  if (xml === undefined) return { ...answer, body: '' };
  return { ...answer, headers: { ...answer.headers, 'content-type': 'application/xml' }, body: xml };
}

interface XmlBody {
  readonly shape: StructureShape;
  readonly payload: Member | undefined;
  readonly output: Record<string, unknown>;
  readonly operation: string;
}

function xmlBody(
  service: RestXmlService,
  { shape, payload, output, operation }: XmlBody,
): string | undefined {
  const namespace = ` xmlns="${service.xmlNamespace}"`;
  if (payload) {
    const value = output[payload.name];
    if (value === undefined) return undefined;
    const name = rootName(payload);
    const traits = { ...payload.traits, xmlNamespace: ['', service.xmlNamespace] as const };
    return (
      DECLARATION + writeElement({ name, element: { shape: payload.shape, traits }, value, path: operation })
    );
  }
  const members = writeXmlMembers(shape, output, operation);
  // GetBucketLocation answers its one member's element itself (the customization s3UnwrappedXmlOutput).
  if (operation === 'GetBucketLocation') {
    const location = escapeXml(String(output.LocationConstraint ?? ''));
    return `${DECLARATION}<LocationConstraint${namespace}>${location}</LocationConstraint>`;
  }
  const bodyMembers = shape.members.filter(
    ({ traits }) => !(traits.httpHeader ?? traits.httpPrefixHeaders ?? traits.httpResponseCode),
  );
  if (bodyMembers.length === 0) return undefined;
  const root = ROOT_NAMES.get(operation) ?? shape.name;
  return `${DECLARATION}<${root}${namespace}>${members}</${root}>`;
}

/** Root elements of S3's answers where the SDK's output shape is named otherwise (S3 API reference). */
const ROOT_NAMES: ReadonlyMap<string, string> = new Map([
  ['ListBuckets', 'ListAllMyBucketsResult'],
  ['ListObjects', 'ListBucketResult'],
  ['ListObjectsV2', 'ListBucketResult'],
  ['CreateMultipartUpload', 'InitiateMultipartUploadResult'],
  ['CompleteMultipartUpload', 'CompleteMultipartUploadResult'],
  ['ListMultipartUploads', 'ListMultipartUploadsResult'],
  ['ListParts', 'ListPartsResult'],
  ['DeleteObjects', 'DeleteResult'],
  ['GetBucketTagging', 'Tagging'],
  ['GetObjectTagging', 'Tagging'],
  ['GetBucketVersioning', 'VersioningConfiguration'],
  ['GetBucketLifecycleConfiguration', 'LifecycleConfiguration'],
  ['GetObjectAttributes', 'GetObjectAttributesResponse'],
]);

function restXmlError(service: RestXmlService, error: AwsError, context: AnswerContext): WireAnswer {
  const { requestId, request } = context;
  const modelled = service.shapes.errors.get(error.code);
  const statusCode = error.statusCode === 400 ? (modelled?.httpStatusCode ?? 400) : error.statusCode;
  const fields = Object.entries(error.fields)
    .map(([name, value]) => `<${name}>${escapeXml(String(value))}</${name}>`)
    .join('');
  const resource = escapeXml(request.path);
  const body = `${DECLARATION}<Error><Code>${escapeXml(error.code)}</Code><Message>${escapeXml(error.message)}</Message>${fields}<Resource>${resource}</Resource><RequestId>${requestId}</RequestId></Error>`;
  return {
    statusCode,
    headers: { ...requestIds(context), 'content-type': 'application/xml' },
    // A 304 has no body by definition of HTTP, whatever the reason.
    body: statusCode === 304 ? '' : body,
  };
}

function requestIds(context: AnswerContext): Record<string, string> {
  return { 'x-amz-request-id': context.requestId, 'x-amz-id-2': context.requestId };
}
