import { AwsError } from '../service.ts';
import type {
  AnswerContext,
  ParsedRequest,
  ProtocolAdapter,
  WireAnswer,
  WireRequest,
} from './http-message.ts';
import { isAnswerBody, readWhole, UNKNOWN_OPERATION, UnfitInput } from './http-message.ts';
import { jsonError, jsonHeaders, readJsonBody } from './json-rpc.ts';
import { readJson, readJsonStructure, writeJson } from './json-shapes.ts';
import { isStreamed, payloadOf, readBindings, writeBindings } from './rest-bindings.ts';
import type { Routed } from './rest-router.ts';
import { makeRouter } from './rest-router.ts';
import type { ServiceShapes } from './shape.ts';

export interface RestService {
  readonly shapes: ServiceShapes;
  /** Whether an operation is simulated: decides between operations that a request fits equally. */
  isSimulated(operation: string): boolean;
}

/** REST-JSON (aws.protocols#restJson1): method and path tell the operation, the body is JSON or a payload. */
export function makeRestJsonAdapter(service: RestService): ProtocolAdapter {
  const router = makeRouter(service.shapes.operations.values(), service.isSimulated);
  return {
    // What lacks a required parameter is told so, not that there is no such operation.
    parse: (request) => parseRestJson(router.route(request) ?? router.nearest(request), request),
    answer: (output, context) => restJsonAnswer(service, output, context),
    answerError: (error, context) =>
      jsonError({ shapes: service.shapes, contentType: 'application/json', error, context }),
  };
}

async function parseRestJson(routed: Routed | undefined, request: WireRequest): Promise<ParsedRequest> {
  if (!routed) {
    const message = `There is no operation at ${request.method} ${request.path.slice(0, 100)}`;
    return { operation: UNKNOWN_OPERATION, refusal: new AwsError('UnknownOperationException', message, 404) };
  }
  const { operation, labels } = routed;
  try {
    return { operation: operation.name, input: await readInput(routed, request, labels) };
  } catch (error) {
    if (!(error instanceof UnfitInput)) throw error;
    const code = error.kind === 'malformed' ? 'InvalidRequestContentException' : 'ValidationException';
    return { operation: operation.name, refusal: new AwsError(code, error.message, 400) };
  }
}

async function readInput(
  { operation }: Routed,
  request: WireRequest,
  labels: Routed['labels'],
): Promise<Record<string, unknown>> {
  if (operation.input.kind !== 'structure') return {};
  const input = readBindings(operation.input, request, labels);
  const payload = payloadOf(operation.input);
  if (!payload) {
    const body = await readJsonBody(request);
    return { ...input, ...readJsonStructure(operation.input, body, { path: '', renames: true }) };
  }
  if (isStreamed(payload)) return { ...input, [payload.name]: request.body };
  if (payload.shape.kind === 'structure') {
    const value = readJson(payload.shape, await readJsonBody(request), { path: payload.name, renames: true });
    return { ...input, [payload.name]: value };
  }
  const bytes = await readWhole(request.body);
  const value = payload.shape.kind === 'blob' ? bytes : bytes.toString('utf8');
  return bytes.length === 0 ? input : { ...input, [payload.name]: value };
}

function restJsonAnswer(
  service: RestService,
  output: Record<string, unknown>,
  context: AnswerContext,
): WireAnswer {
  const operation = service.shapes.operations.get(context.operation);
  const headers = jsonHeaders('application/json', context);
  const statusCode = operation?.http?.[2] ?? 200;
  const shape = operation?.output;
  if (shape?.kind !== 'structure') return { statusCode, headers, body: '' };
  const bound = writeBindings(shape, output, statusCode);
  const payload = payloadOf(shape);
  const answer = { statusCode: bound.statusCode, headers: { ...headers, ...bound.headers } };
  if (!payload) {
    const json = writeJson(shape, output, { path: context.operation, renames: true });
    return { ...answer, body: statusCode === 204 ? '' : JSON.stringify(json) };
  }
  const value = output[payload.name];
  if (value === undefined) return { ...answer, body: '' };
  if (value instanceof Uint8Array || typeof value === 'string' || isAnswerBody(value)) {
    return { ...answer, body: value };
  }
  return {
    ...answer,
    body: JSON.stringify(writeJson(payload.shape, value, { path: payload.name, renames: true })),
  };
}
