import type {
  FunctionConfiguration,
  GetFunctionCommandInput,
  GetFunctionConfigurationCommandInput,
  InvokeCommandInput,
  ListFunctionsCommandInput,
} from '@aws-sdk/client-lambda';
import type { Call, Operation } from '../service.ts';
import { AwsError } from '../service.ts';
import type { LambdaFunction } from './functions.ts';
import type { Invoker } from './invocation.ts';

interface OperationsOptions {
  readonly find: (nameOrArn: string) => LambdaFunction;
  readonly list: () => LambdaFunction[];
  readonly invoker: Invoker;
}

/** As the protocol adapter parses it: the body is always bytes. */
type ParsedInvoke = Omit<InvokeCommandInput, 'Payload'> & { readonly Payload?: Uint8Array };

const LIST_PAGE = 50;

/** Lambda's API: what the stack, the command line and a curious person need. */
export function makeOperations({ find, list, invoker }: OperationsOptions): Record<string, Operation> {
  return {
    Invoke: (input: ParsedInvoke, call: Call) => invoke(input, call, { find, invoker }),
    GetFunction: (input: GetFunctionCommandInput) => ({
      Configuration: describe(find(input.FunctionName ?? '')),
      Code: { RepositoryType: 'S3' },
      Tags: {},
    }),
    GetFunctionConfiguration: (input: GetFunctionConfigurationCommandInput) =>
      describe(find(input.FunctionName ?? '')),
    ListFunctions: (input: ListFunctionsCommandInput) => {
      const all = list().sort((a, b) => (a.name < b.name ? -1 : 1));
      const from =
        input.Marker === undefined ? 0 : all.findIndex((entry) => entry.name > (input.Marker ?? ''));
      const page = from < 0 ? [] : all.slice(from, from + Math.min(input.MaxItems ?? LIST_PAGE, LIST_PAGE));
      const last = page.at(-1);
      const more = last !== undefined && last !== all.at(-1);
      return { Functions: page.map(describe), ...(more ? { NextMarker: last.name } : {}) };
    },
  };
}

async function invoke(
  input: ParsedInvoke,
  call: Call,
  { find, invoker }: Pick<OperationsOptions, 'find' | 'invoker'>,
): Promise<Record<string, unknown>> {
  const functionName = find(input.FunctionName ?? '').arn;
  const payload = payloadText(input.Payload);
  const request = { functionName, payload, ...(call.execution ? { execution: call.execution } : {}) };
  switch (input.InvocationType ?? 'RequestResponse') {
    case 'DryRun':
      return { StatusCode: 204 };
    case 'Event':
      invoker.invokeLater(request);
      return { StatusCode: 202 };
    case 'RequestResponse':
      break;
    default:
      throw new AwsError(
        'InvalidParameterValueException',
        `InvocationType ${input.InvocationType} is not known`,
      );
  }
  const result = await invoker.invoke(request);
  return {
    StatusCode: 200,
    ExecutedVersion: '$LATEST',
    Payload: Buffer.from(result.payload),
    ...(result.failed ? { FunctionError: 'Unhandled' } : {}),
    ...(input.LogType === 'Tail' ? { LogResult: Buffer.from(result.logTail).toString('base64') } : {}),
  };
}

/** @throws AwsError InvalidRequestContentException when it is not JSON */
function payloadText(payload: Uint8Array | undefined): string {
  if (payload === undefined || payload.length === 0) return '{}';
  const text = Buffer.from(payload).toString('utf8');
  try {
    JSON.parse(text);
  } catch (error) {
    throw new AwsError(
      'InvalidRequestContentException',
      `Could not parse request body into json: ${error instanceof Error ? error.message : error}`,
    );
  }
  return text;
}

function describe(entry: LambdaFunction): FunctionConfiguration {
  return {
    FunctionName: entry.name,
    FunctionArn: entry.arn,
    // The SDK's types list the values AWS knows; what was deployed is one of them (see functions.ts).
    Runtime: entry.runtime as FunctionConfiguration['Runtime'],
    Architectures: [entry.architecture as 'arm64' | 'x86_64'],
    Role: entry.role,
    Handler: entry.handler,
    CodeSize: entry.codeBytes,
    CodeSha256: entry.codeSha256,
    Description: entry.description ?? '',
    Timeout: entry.timeoutSeconds,
    MemorySize: entry.memoryMb,
    EphemeralStorage: { Size: entry.ephemeralStorageMb },
    LastModified: entry.lastModified,
    RevisionId: entry.revisionId,
    Version: '$LATEST',
    Environment: { Variables: { ...entry.environment } },
    TracingConfig: { Mode: 'PassThrough' },
    LoggingConfig: { LogFormat: 'Text', LogGroup: entry.logGroup },
    PackageType: 'Zip',
    State: 'Active',
    LastUpdateStatus: 'Successful',
  };
}
