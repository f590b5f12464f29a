import { AsyncLocalStorage } from 'node:async_hooks';
import type { InvocationFacts } from './messages.ts';

/**
 * Several invocations of several functions share a worker thread, so what Lambda keeps in the process (its environment
 * variables, its invoke store) is looked up by asynchronous context here.
 */
interface InvocationContext {
  readonly facts: InvocationFacts;
  readonly store: Map<string | symbol, unknown>;
}

const invocations = new AsyncLocalStorage<InvocationContext>();

// The keys of @aws/lambda-invoke-store 0.3, which the SDK's recursion-detection middleware reads through its methods.
const PROTECTED_KEYS = {
  REQUEST_ID: Symbol.for('_AWS_LAMBDA_REQUEST_ID'),
  X_RAY_TRACE_ID: Symbol.for('_AWS_LAMBDA_X_RAY_TRACE_ID'),
  TENANT_ID: Symbol.for('_AWS_LAMBDA_TENANT_ID'),
};

/** Runs `work` so that everything it does, also later, knows the invocation it belongs to. */
export function withinInvocation<T>(facts: InvocationFacts, work: () => T): T {
  const store = new Map<string | symbol, unknown>([
    [PROTECTED_KEYS.REQUEST_ID, facts.requestId],
    [PROTECTED_KEYS.X_RAY_TRACE_ID, facts.traceId],
  ]);
  return invocations.run({ facts, store }, work);
}

/** The invocation that the running code belongs to. */
export function currentInvocation(): InvocationFacts | undefined {
  return invocations.getStore()?.facts;
}

const get = (key: string | symbol) => invocations.getStore()?.store.get(key);

/** What functions and the SDK find as `globalThis.awslambda.InvokeStore`. */
const invokeStore = {
  getContext: () => {
    const context = invocations.getStore();
    return context && Object.fromEntries(context.store);
  },
  hasContext: () => invocations.getStore() !== undefined,
  get,
  set: (key: string | symbol, value: unknown) => {
    if (Object.values<string | symbol>(PROTECTED_KEYS).includes(key)) {
      throw new Error(`Cannot modify protected Lambda context field: ${String(key)}`);
    }
    const context = invocations.getStore();
    if (!context) throw new Error('No context available');
    context.store.set(key, value);
  },
  run: (values: Record<string | symbol, unknown>, work: () => unknown) => {
    const context = invocations.getStore();
    if (!context) throw new Error('No context available');
    const store = new Map<string | symbol, unknown>(Reflect.ownKeys(values).map((key) => [key, values[key]]));
    return invocations.run({ facts: context.facts, store }, work);
  },
  getRequestId: () => get(PROTECTED_KEYS.REQUEST_ID) ?? '-',
  getXRayTraceId: () => get(PROTECTED_KEYS.X_RAY_TRACE_ID),
  getTenantId: () => get(PROTECTED_KEYS.TENANT_ID),
  getTraceparent: () => undefined,
  getTracestate: () => undefined,
  getBaggage: () => undefined,
};

const VARIABLES: Readonly<Record<string, (facts: InvocationFacts) => string>> = {
  AWS_LAMBDA_FUNCTION_NAME: (facts) => facts.functionName,
  AWS_LAMBDA_FUNCTION_MEMORY_SIZE: (facts) => String(facts.memoryMb),
  AWS_LAMBDA_LOG_GROUP_NAME: (facts) => facts.logGroup,
  AWS_LAMBDA_LOG_STREAM_NAME: (facts) => facts.logStream,
  _HANDLER: (facts) => facts.handler,
  _X_AMZN_TRACE_ID: (facts) => facts.traceId,
};

/** Makes the invoke store and the per-invocation environment variables visible to functions; before any is imported. */
export function installInvocationGlobals(): void {
  Object.assign(globalThis, { awslambda: { InvokeStore: invokeStore } });
  const variable = (key: string | symbol) => {
    const facts = currentInvocation();
    return facts && typeof key === 'string' ? VARIABLES[key]?.(facts) : undefined;
  };
  process.env = new Proxy(process.env, {
    get: (target, key) => variable(key) ?? Reflect.get(target, key),
    has: (target, key) => variable(key) !== undefined || Reflect.has(target, key),
  });
}
