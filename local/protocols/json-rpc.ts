import { AwsError } from '../service.ts';
import type {
  AnswerContext,
  ParsedRequest,
  ProtocolAdapter,
  WireAnswer,
  WireRequest,
} from './http-message.ts';
import { readWhole, UNKNOWN_OPERATION, UnfitInput } from './http-message.ts';
import { readJsonStructure, writeJson } from './json-shapes.ts';
import type { ErrorShape, ServiceShapes } from './shape.ts';

export interface JsonRpcService {
  readonly shapes: ServiceShapes;
  readonly version: '1.0' | '1.1';
}

/** JSON 1.0 and 1.1 (aws.protocols#awsJson1_0, 1_1): the operation in X-Amz-Target, JSON both ways. */
export function makeJsonRpcAdapter(service: JsonRpcService): ProtocolAdapter {
  const contentType = `application/x-amz-json-${service.version}`;
  return {
    parse: (request) => parseJsonRpc(service, request),
    answer: (output, context) => {
      const shape = service.shapes.operations.get(context.operation)?.output;
      const place = { path: context.operation, renames: false };
      const body = shape?.kind === 'structure' ? JSON.stringify(writeJson(shape, output, place)) : '{}';
      return { statusCode: 200, headers: jsonHeaders(contentType, context), body };
    },
    answerError: (error, context) => jsonError({ shapes: service.shapes, contentType, error, context }),
  };
}

async function parseJsonRpc(service: JsonRpcService, request: WireRequest): Promise<ParsedRequest> {
  const target = String(request.headers['x-amz-target'] ?? '');
  const operation = target.slice(target.lastIndexOf('.') + 1);
  const shape = service.shapes.operations.get(operation);
  if (!shape) {
    const refusal = new AwsError(
      'UnknownOperationException',
      `There is no operation ${target.slice(0, 100)}`,
      400,
    );
    return { operation: UNKNOWN_OPERATION, refusal };
  }
  try {
    const body = await readJsonBody(request);
    const input = shape.input.kind === 'structure' ? shape.input : undefined;
    return { operation, input: input ? readJsonStructure(input, body, { path: '', renames: false }) : {} };
  } catch (error) {
    if (!(error instanceof UnfitInput)) throw error;
    const code = error.kind === 'missing' ? 'ValidationException' : 'SerializationException';
    return { operation, refusal: new AwsError(code, error.message, 400) };
  }
}

/** @throws UnfitInput */
export async function readJsonBody(request: WireRequest): Promise<unknown> {
  const text = (await readWhole(request.body)).toString('utf8');
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text);
  } catch {
    throw new UnfitInput('malformed', '', 'The body is not JSON');
  }
}

export function jsonHeaders(contentType: string, context: AnswerContext): Record<string, string> {
  return { 'content-type': contentType, 'x-amzn-requestid': context.requestId };
}

interface JsonErrorAnswer {
  readonly shapes: ServiceShapes;
  readonly contentType: string;
  readonly error: AwsError;
  readonly context: AnswerContext;
}

/** An error in the JSON protocols: its type in the body and in a header, since clients look at either. */
export function jsonError({ shapes, contentType, error, context }: JsonErrorAnswer): WireAnswer {
  const modelled = shapes.errors.get(error.code);
  const statusCode = error.statusCode === 400 ? (modelled?.httpStatusCode ?? 400) : error.statusCode;
  const body = { __type: error.code, [messageMember(modelled)]: error.message, ...error.fields };
  return {
    statusCode,
    headers: { ...jsonHeaders(contentType, context), 'x-amzn-errortype': error.code },
    body: JSON.stringify(body),
  };
}

function messageMember(modelled: ErrorShape | undefined): 'message' | 'Message' {
  return modelled?.structure.members.some((member) => member.name === 'Message') ? 'Message' : 'message';
}
