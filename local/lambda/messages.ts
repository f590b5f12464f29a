/** What the region and its Lambda worker threads say to each other. */

/** Facts of one invocation that a function can ask for. */
export interface InvocationFacts {
  readonly requestId: string;
  readonly functionName: string;
  readonly functionArn: string;
  readonly memoryMb: number;
  readonly handler: string;
  readonly timeoutSeconds: number;
  readonly logGroup: string;
  readonly logStream: string;
  /** Content of `X-Amzn-Trace-Id` on every call the function makes. */
  readonly traceId: string;
}

export type ToWorker =
  | { readonly kind: 'invoke'; readonly facts: InvocationFacts; readonly payload: string }
  | { readonly kind: 'ping' }
  | { readonly kind: 'memory' };

export type FromWorker =
  | { readonly kind: 'succeeded'; readonly requestId: string; readonly payload: string }
  | { readonly kind: 'failed'; readonly requestId: string; readonly error: FunctionError }
  | {
      readonly kind: 'log';
      readonly functionName: string | undefined;
      readonly requestId: string | undefined;
      readonly text: string;
    }
  | { readonly kind: 'pong' }
  | {
      readonly kind: 'memory';
      readonly heapUsed: number;
      readonly external: number;
      readonly arrayBuffers: number;
    };

/** A failed invocation's payload, as Lambda's Node.js runtime words it. */
export interface FunctionError {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace?: readonly string[];
}

/** What a worker thread is started with. */
export interface WorkerData {
  readonly codeFolder: string;
}
