import { AwsError } from '../service.ts';
import type {
  AnswerContext,
  ParsedRequest,
  ProtocolAdapter,
  WireAnswer,
  WireRequest,
} from './http-message.ts';
import { readWhole, UNKNOWN_OPERATION, UnfitInput } from './http-message.ts';
import type { QueryDialect } from './query-read.ts';
import { readQueryInput } from './query-read.ts';
import type { ServiceShapes } from './shape.ts';
import { escapeXml, writeXmlMembers } from './xml-write.ts';

export interface QueryService {
  readonly shapes: ServiceShapes;
  readonly dialect: QueryDialect;
  readonly xmlNamespace: string;
}

/**
 * The query protocols: a form-encoded body in, XML out. `ec2` is EC2's own dialect (aws.protocols#ec2Query), `aws`
 * the common one (aws.protocols#awsQuery: CloudFormation, STS).
 */
export function makeQueryAdapter(service: QueryService): ProtocolAdapter {
  return {
    parse: (request) => parseQuery(service, request),
    answer: (output, context) => ({
      statusCode: 200,
      headers: answerHeaders(context),
      body:
        service.dialect === 'ec2' ? ec2Answer(service, output, context) : awsAnswer(service, output, context),
    }),
    answerError: (error, context) => errorAnswer(service, error, context),
  };
}

async function parseQuery(service: QueryService, request: WireRequest): Promise<ParsedRequest> {
  let operation = UNKNOWN_OPERATION;
  try {
    const body = (await readWhole(request.body)).toString('utf8');
    const parameters = [...request.query, ...new URLSearchParams(body)];
    const action = parameters.find(([name]) => name === 'Action')?.[1];
    if (action === undefined) {
      return { operation, refusal: new AwsError('MissingAction', 'The request names no Action', 400) };
    }
    const shape = service.shapes.operations.get(action);
    if (!shape) {
      const message = `The action ${action.slice(0, 100)} is not valid for this web service.`;
      return { operation, refusal: new AwsError('InvalidAction', message, 400) };
    }
    operation = action;
    return {
      operation,
      input: readQueryInput({ dialect: service.dialect, input: shape.input, parameters }),
    };
  } catch (error) {
    if (!(error instanceof UnfitInput)) throw error;
    return { operation, refusal: refusalOf(service.dialect, error) };
  }
}

/** EC2 tells the kinds of bad input apart (its list of client error codes); the others say ValidationError. */
function refusalOf(dialect: QueryDialect, error: UnfitInput): AwsError {
  if (dialect === 'aws') return new AwsError('ValidationError', error.message, 400);
  if (error.kind === 'missing') {
    return new AwsError('MissingParameter', `The request must contain the parameter ${error.path}`, 400);
  }
  if (error.kind === 'unknown') {
    return new AwsError('UnknownParameter', `The parameter ${error.path} is not recognized`, 400);
  }
  return new AwsError('InvalidParameterValue', `${error.message} for parameter ${error.path}`, 400);
}

const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';

function ec2Answer(service: QueryService, output: Record<string, unknown>, context: AnswerContext): string {
  const { operation, requestId } = context;
  const shape = service.shapes.operations.get(operation)?.output;
  const members =
    shape?.kind === 'structure' ? writeXmlMembers(shape, output, operation) : '<return>true</return>';
  const root = `${operation}Response`;
  return `${DECLARATION}<${root} xmlns="${service.xmlNamespace}"><requestId>${requestId}</requestId>${members}</${root}>`;
}

function awsAnswer(service: QueryService, output: Record<string, unknown>, context: AnswerContext): string {
  const { operation, requestId } = context;
  const shape = service.shapes.operations.get(operation)?.output;
  const result =
    shape?.kind === 'structure'
      ? `<${operation}Result>${writeXmlMembers(shape, output, operation)}</${operation}Result>`
      : '';
  const metadata = `<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata>`;
  const root = `${operation}Response`;
  return `${DECLARATION}<${root} xmlns="${service.xmlNamespace}">${result}${metadata}</${root}>`;
}

function errorAnswer(service: QueryService, error: AwsError, context: AnswerContext): WireAnswer {
  const modelled = service.shapes.errors.get(error.code);
  const code = escapeXml(modelled?.queryCode ?? error.code);
  const message = escapeXml(error.message);
  const statusCode = error.statusCode === 400 ? (modelled?.httpStatusCode ?? 400) : error.statusCode;
  const requestId = context.requestId;
  const body =
    service.dialect === 'ec2'
      ? `<Response><Errors><Error><Code>${code}</Code><Message>${message}</Message></Error></Errors><RequestID>${requestId}</RequestID></Response>`
      : `<ErrorResponse xmlns="${service.xmlNamespace}"><Error><Type>${statusCode < 500 ? 'Sender' : 'Receiver'}</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>${requestId}</RequestId></ErrorResponse>`;
  return { statusCode, headers: answerHeaders(context), body: DECLARATION + body };
}

function answerHeaders(context: AnswerContext): Record<string, string> {
  return { 'content-type': 'text/xml;charset=UTF-8', 'x-amzn-requestid': context.requestId };
}
