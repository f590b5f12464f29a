/**
 * Entry of a Lambda worker thread: imports handlers from one asset folder and runs invocations, several at once.
 * Runs as it is under Node's type stripping, also when the region itself runs inside a test runner.
 */
import { inspect } from 'node:util';
import { parentPort, workerData } from 'node:worker_threads';
import { captureConsole } from './console-capture.ts';
import type { Handler } from './handler-loader.ts';
import { confineImports, loadHandler } from './handler-loader.ts';
import { currentInvocation, installInvocationGlobals, withinInvocation } from './invoke-store.ts';
import type { FromWorker, FunctionError, InvocationFacts, ToWorker, WorkerData } from './messages.ts';

const port = parentPort;
if (!port) throw new Error('this file is the entry of a worker thread');
const { codeFolder }: WorkerData = workerData;
const OWN_FILES = new URL('.', import.meta.url).href;
const handlers = new Map<string, Promise<Handler>>();

const post = (message: FromWorker) => port.postMessage(message);

function run(facts: InvocationFacts, payload: string): void {
  withinInvocation(facts, async () => {
    try {
      const handler = await handlerOf(facts.handler);
      const result = await handler(JSON.parse(payload), contextOf(facts));
      post({ kind: 'succeeded', requestId: facts.requestId, payload: serialize(result) });
    } catch (error) {
      // The payload has no place for causes; the log has.
      console.error('Invoke Error', inspect(error, { depth: 4 }));
      post({ kind: 'failed', requestId: facts.requestId, error: describe(error) });
    }
  });
}

function handlerOf(handler: string): Promise<Handler> {
  const known = handlers.get(handler);
  if (known) return known;
  const loading = loadHandler(codeFolder, handler);
  handlers.set(handler, loading);
  // A failed import is tried again by the next invocation, as a new environment would.
  loading.catch(() => handlers.delete(handler));
  return loading;
}

function contextOf(facts: InvocationFacts) {
  const deadline = Date.now() + facts.timeoutSeconds * 1000;
  return {
    functionName: facts.functionName,
    functionVersion: '$LATEST',
    invokedFunctionArn: facts.functionArn,
    memoryLimitInMB: String(facts.memoryMb),
    awsRequestId: facts.requestId,
    logGroupName: facts.logGroup,
    logStreamName: facts.logStream,
    callbackWaitsForEmptyEventLoop: false,
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
}

class MarshalError extends Error {
  override readonly name = 'Runtime.MarshalError';
}

function serialize(result: unknown): string {
  try {
    return JSON.stringify(result === undefined ? null : result) ?? 'null';
  } catch (error) {
    throw new MarshalError('Unable to stringify response body', { cause: error });
  }
}

/** As Lambda's Node.js runtime reports what was thrown. */
function describe(error: unknown): FunctionError {
  if (error instanceof Error) {
    return {
      errorType: error.name,
      errorMessage: error.message,
      // The frames of this file and its neighbours are not there on Lambda.
      trace: error.stack?.split('\n').filter((line) => !line.includes(OWN_FILES)) ?? [],
    };
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}

/** Something thrown outside the handler's promise: it fails its invocation, or the thread when nobody knows whose it is. */
function failOutside(errorType: string, error: unknown): void {
  const facts = currentInvocation();
  console.error(errorType, inspect(error, { depth: 4 }));
  if (!facts) process.exit(1);
  const { errorMessage, trace = [] } = describe(error);
  post({ kind: 'failed', requestId: facts.requestId, error: { errorType, errorMessage, trace } });
}

function receive(message: ToWorker): void {
  switch (message.kind) {
    case 'invoke':
      run(message.facts, message.payload);
      return;
    case 'ping':
      post({ kind: 'pong' });
      return;
    case 'memory': {
      const { heapUsed, external, arrayBuffers } = process.memoryUsage();
      post({ kind: 'memory', heapUsed, external, arrayBuffers });
    }
  }
}

installInvocationGlobals();
confineImports(codeFolder);
captureConsole((text) => {
  const facts = currentInvocation();
  post({ kind: 'log', functionName: facts?.functionName, requestId: facts?.requestId, text });
});
process.on('unhandledRejection', (reason) => failOutside('Runtime.UnhandledPromiseRejection', reason));
process.on('uncaughtException', (error) => failOutside(error instanceof Error ? error.name : 'Error', error));
port.on('message', receive);
