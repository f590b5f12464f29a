import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { RegionContext } from '../service.ts';
import { AwsError } from '../service.ts';
import type { CodeStore } from './code-store.ts';
import type { FunctionLogs } from './function-log.ts';
import type { LambdaFunction } from './functions.ts';
import type { FunctionError, InvocationFacts } from './messages.ts';
import type { WorkerPool } from './worker-pool.ts';
import { makeWorkerPool } from './worker-pool.ts';
import type { Outcome, ThreadMemory } from './worker-thread.ts';

export interface InvokeFunctionInput {
  /** Name or ARN. */
  readonly functionName: string;
  /** JSON. */
  readonly payload: string;
  /** ARN of the Step Functions execution on whose behalf it runs. */
  readonly execution?: string;
}

/** What an invocation came to: JSON of its result, or of the error it failed with. */
export interface InvocationResult {
  readonly payload: string;
  readonly failed: boolean;
  readonly requestId: string;
  /** The last 4 KiB of what the function printed. */
  readonly logTail: string;
}

export interface Invoker {
  invoke(input: InvokeFunctionInput): Promise<InvocationResult>;
  invokeLater(input: InvokeFunctionInput): void;
  /** Ends the threads that none of these functions needs, as soon as what runs in them has ended. */
  keepOnly(functions: readonly LambdaFunction[]): void;
  memory(): Promise<ThreadMemory[]>;
  stop(): Promise<void>;
}

export interface InvokerOptions {
  readonly context: RegionContext;
  readonly threads: number;
  readonly code: CodeStore;
  readonly logs: FunctionLogs;
  /** @throws AwsError ResourceNotFoundException */
  readonly find: (nameOrArn: string) => LambdaFunction;
}

/** Lambda's quotas, in bytes: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const SYNCHRONOUS_REQUEST_BYTES = 6 * 1024 * 1024;
const RESPONSE_BYTES = 6 * 1024 * 1024 + 100;
const ASYNCHRONOUS_REQUEST_BYTES = 1024 * 1024;
/** Pauses before the retries of an asynchronous invocation that failed. */
const RETRY_PAUSES_SECONDS = [60, 120];
const LOG_TAIL_BYTES = 4096;

export function makeInvoker(options: InvokerOptions): Invoker {
  const { context, find, logs } = options;
  const pools = new Map<string, WorkerPool>();
  const tails = new Map<string, string>();
  let stopped = false;

  function poolOf(entry: LambdaFunction): WorkerPool {
    const key = poolKey(entry);
    const known = pools.get(key);
    if (known) return known;
    const pool = makeWorkerPool({
      codeFolder: options.code.folder(entry.code),
      environment: { ...baseEnvironment(context), ...entry.environment },
      threads: options.threads,
      onLog: ({ functionName, requestId, text }) => {
        // What nobody's invocation printed is kept under a name that no function can have.
        logs.append(functionName ?? 'worker-threads.', text);
        const tail = requestId === undefined ? undefined : tails.get(requestId);
        if (requestId !== undefined && tail !== undefined) {
          tails.set(requestId, (tail + text).slice(-LOG_TAIL_BYTES));
        }
      },
    });
    pools.set(key, pool);
    return pool;
  }

  async function run(entry: LambdaFunction, input: InvokeFunctionInput): Promise<InvocationResult> {
    const facts = factsOf(entry, input.execution);
    const { requestId } = facts;
    tails.set(requestId, '');
    logs.append(entry.name, `START RequestId: ${requestId} Version: $LATEST\n`);
    const begun = performance.now();
    try {
      const outcome = limitResponse(await poolOf(entry).run({ facts, payload: input.payload }));
      const failed = 'error' in outcome;
      const payload = 'error' in outcome ? JSON.stringify(outcome.error) : outcome.payload;
      return { payload, failed, requestId, logTail: tails.get(requestId) ?? '' };
    } finally {
      tails.delete(requestId);
      const duration = (performance.now() - begun).toFixed(2);
      logs.append(
        entry.name,
        `END RequestId: ${requestId}\nREPORT RequestId: ${requestId}\tDuration: ${duration} ms\n`,
      );
    }
  }

  async function runWithRetries(entry: LambdaFunction, input: InvokeFunctionInput): Promise<void> {
    for (const pause of [...RETRY_PAUSES_SECONDS, undefined]) {
      const { failed } = await run(entry, input);
      if (!failed || pause === undefined || stopped) return;
      await context.time.sleep(pause);
    }
  }

  return {
    async invoke(input) {
      const entry = find(input.functionName);
      checkRequest(input.payload, SYNCHRONOUS_REQUEST_BYTES);
      return run(entry, input);
    },
    invokeLater(input) {
      const entry = find(input.functionName);
      checkRequest(input.payload, ASYNCHRONOUS_REQUEST_BYTES);
      runWithRetries(entry, input).catch(() => {
        // The region stopped during a pause: like events in Lambda's queue, what is left is not carried over.
      });
    },
    keepOnly(functions) {
      const needed = new Set(functions.map(poolKey));
      for (const [key, pool] of pools) {
        if (needed.has(key)) continue;
        pools.delete(key);
        pool.retire();
      }
    },
    memory: async () => (await Promise.all([...pools.values()].map((pool) => pool.memory()))).flat(),
    stop: async () => {
      stopped = true;
      await Promise.all([...pools.values()].map((pool) => pool.stop()));
    },
  };
}

function poolKey(entry: LambdaFunction): string {
  return JSON.stringify([entry.code, Object.entries(entry.environment).sort()]);
}

function checkRequest(payload: string, limit: number): void {
  const bytes = Buffer.byteLength(payload);
  if (bytes <= limit) return;
  throw new AwsError(
    'RequestTooLargeException',
    `${bytes} byte payload is too large for the RequestResponse invocation type (limit ${limit} bytes)`,
    413,
  );
}

function limitResponse(outcome: Outcome): Outcome {
  if ('error' in outcome || Buffer.byteLength(outcome.payload) <= RESPONSE_BYTES) return outcome;
  const error: FunctionError = {
    errorType: 'Function.ResponseSizeTooLarge',
    errorMessage: `Response payload size exceeded maximum allowed payload size (${RESPONSE_BYTES} bytes).`,
  };
  return { error };
}

function factsOf(entry: LambdaFunction, execution: string | undefined): InvocationFacts {
  return {
    requestId: randomUUID(),
    functionName: entry.name,
    functionArn: entry.arn,
    memoryMb: entry.memoryMb,
    handler: entry.handler,
    timeoutSeconds: entry.timeoutSeconds,
    logGroup: entry.logGroup,
    logStream: `${new Date().toISOString().slice(0, 10).replaceAll('-', '/')}/[$LATEST]local`,
    traceId: traceIdOf(entry.name, execution),
  };
}

/** The trace header by which the region's call log knows who calls, and for which execution. */
function traceIdOf(functionName: string, execution: string | undefined): string {
  const parts = ['Root=1-00000000-000000000000000000000000', `Function=${functionName}`];
  if (execution !== undefined) parts.push(`Execution=${encodeURIComponent(execution)}`);
  return parts.join(';');
}

/** What every function finds in its environment, as on Lambda; and the region's endpoint, so that its SDK clients call here. */
function baseEnvironment(context: RegionContext): Record<string, string> {
  const nowhere = join(context.stateFolder, 'lambda', 'no-such-aws-config');
  return {
    PATH: process.env.PATH ?? '',
    LANG: 'en_US.UTF-8',
    TZ: ':UTC',
    AWS_REGION: context.region,
    AWS_DEFAULT_REGION: context.region,
    AWS_ACCESS_KEY_ID: 'ASIALOCALREGION00000',
    AWS_SECRET_ACCESS_KEY: 'local-region-secret-key',
    AWS_SESSION_TOKEN: 'local-region-session-token',
    AWS_ENDPOINT_URL: context.endpoint,
    // The configuration of the person who runs the region is not there on Lambda.
    AWS_CONFIG_FILE: nowhere,
    AWS_SHARED_CREDENTIALS_FILE: nowhere,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
  };
}
