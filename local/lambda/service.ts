import { randomUUID } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { makeJsonFile } from '../json-file.ts';
import type { RegionContext, Service } from '../service.ts';
import { AwsError } from '../service.ts';
import type { CodeStore, StoredCode } from './code-store.ts';
import { makeCodeStore } from './code-store.ts';
import { makeFunctionLogs } from './function-log.ts';
import type { LambdaFunction } from './functions.ts';
import { functionsSchema, parseFunctionReference, problemOf } from './functions.ts';
import type { InvocationResult, InvokeFunctionInput } from './invocation.ts';
import { makeInvoker } from './invocation.ts';
import { makeOperations } from './operations.ts';
import type { ThreadMemory } from './worker-thread.ts';

export interface LambdaOptions {
  /** Threads per asset and environment; one less than there are cores, 1 or 2, when absent. */
  readonly workers?: number;
  readonly log: (line: string) => void;
}

export interface LambdaService extends Service {
  /** Where deployed code is put before {@link putFunction} refers to it. */
  readonly code: Pick<CodeStore, 'putFolder' | 'putInline'>;
  /** What Lambda would refuse about these settings, or undefined. */
  problemOf: typeof problemOf;
  arnOf(name: string): string;
  /** Creates the function or replaces it; running invocations of the old one finish. */
  putFunction(settings: FunctionSettings): Promise<LambdaFunction>;
  deleteFunction(name: string): Promise<void>;
  hasFunction(nameOrArn: string): boolean;
  /** Runs the function and waits for its result. @throws AwsError ResourceNotFoundException, RequestTooLargeException */
  invoke(input: InvokeFunctionInput): Promise<InvocationResult>;
  /** Accepts the event and runs the function for it later, with Lambda's two retries. @throws AwsError as above */
  invokeLater(input: InvokeFunctionInput): void;
  /** Memory of every warm worker thread. */
  memory(): Promise<ThreadMemory[]>;
  stop(): Promise<void>;
}

export type FunctionSettings = Omit<
  LambdaFunction,
  'arn' | 'code' | 'codeSha256' | 'codeBytes' | 'revisionId' | 'lastModified'
> & { readonly code: StoredCode };

// The region itself keeps one core busy when data moves; a second thread pays only where there is a core for it.
const DEFAULT_THREADS = Math.max(1, Math.min(2, availableParallelism() - 1));

export async function makeLambdaService(
  context: RegionContext,
  options: LambdaOptions,
): Promise<LambdaService> {
  const folder = join(context.stateFolder, 'lambda');
  const file = makeJsonFile(join(folder, 'functions.json'), functionsSchema);
  const code = makeCodeStore(join(folder, 'code'));
  const logs = makeFunctionLogs(join(folder, 'logs'));
  const functions = new Map((await file.read())?.map((entry) => [entry.name, entry]));

  // Only now: later, a thread that still runs older code might be about to import more of it.
  await code.keepOnly(new Set([...functions.values()].map((entry) => entry.code)));

  function find(nameOrArn: string): LambdaFunction {
    const name = parseFunctionReference(nameOrArn);
    const found = functions.get(name);
    if (found) return found;
    throw new AwsError('ResourceNotFoundException', `Function not found: ${arnOf(name)}`, 404, {
      Type: 'User',
    });
  }

  const arnOf = (name: string) => `arn:aws:lambda:${context.region}:${context.accountId}:function:${name}`;
  const invoker = makeInvoker({ context, threads: options.workers ?? DEFAULT_THREADS, code, logs, find });

  async function save(): Promise<void> {
    await file.write([...functions.values()]);
    invoker.keepOnly([...functions.values()]);
  }

  async function putFunction(settings: FunctionSettings): Promise<LambdaFunction> {
    const entry: LambdaFunction = {
      ...settings,
      arn: arnOf(settings.name),
      code: settings.code.id,
      codeSha256: settings.code.sha256,
      codeBytes: settings.code.size,
      revisionId: randomUUID(),
      lastModified: context.time.now().toISOString().replace('Z', '+0000'),
    };
    functions.set(entry.name, entry);
    await save();
    return entry;
  }

  return {
    name: 'lambda',
    operations: makeOperations({ find, list: () => [...functions.values()], invoker }),
    code,
    problemOf,
    arnOf,
    putFunction,
    deleteFunction: async (name) => {
      functions.delete(name);
      await save();
    },
    hasFunction: (nameOrArn) => functions.has(parseFunctionReference(nameOrArn)),
    invoke: (input) => invoker.invoke(input),
    invokeLater: (input) => invoker.invokeLater(input),
    memory: () => invoker.memory(),
    stop: async () => {
      await invoker.stop();
      await logs.flush();
    },
  };
}
