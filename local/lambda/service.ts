import type { RegionContext, Service } from '../service.ts';

export interface LambdaOptions {
  /** Threads per environment; 2 when absent. */
  readonly workers?: number;
  readonly log: (line: string) => void;
}

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
}

export interface LambdaService extends Service {
  /** @throws AwsError ResourceNotFoundException, RequestTooLargeException */
  invoke(input: InvokeFunctionInput): Promise<InvocationResult>;
  /** Memory of every worker thread, in bytes. */
  memory(): Promise<WorkerMemory[]>;
  stop(): Promise<void>;
}

export interface WorkerMemory {
  readonly thread: number;
  readonly heapUsed: number;
  readonly external: number;
  readonly arrayBuffers: number;
  readonly running: number;
}

export async function makeLambdaService(
  _context: RegionContext,
  _options: LambdaOptions,
): Promise<LambdaService> {
  return {
    name: 'lambda',
    operations: {},
    invoke: () => Promise.reject(new Error('not there yet')),
    memory: async () => [],
    stop: async () => {},
  };
}
