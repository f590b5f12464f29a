import { Worker } from 'node:worker_threads';
import type { FromWorker, FunctionError, InvocationFacts, ToWorker, WorkerData } from './messages.ts';

export interface Invocation {
  readonly facts: InvocationFacts;
  readonly payload: string;
}

export type Outcome = { readonly payload: string } | { readonly error: FunctionError };

export interface LogText {
  readonly functionName: string | undefined;
  readonly requestId: string | undefined;
  readonly text: string;
}

export interface WorkerThreadOptions {
  readonly codeFolder: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly onLog: (log: LogText) => void;
  /** The thread is gone, on request or by itself. */
  readonly onGone: () => void;
}

/** Bytes held by one thread's own heap and buffers. */
export interface ThreadMemory {
  readonly thread: number;
  readonly running: number;
  readonly heapUsed: number;
  readonly external: number;
  readonly arrayBuffers: number;
}

/** One warm thread: several invocations at once, each with its own outcome whatever happens to the thread. */
export interface WorkerThread {
  readonly running: number;
  /** Memory that the functions running in it are declared with, MB. */
  readonly loadMb: number;
  /** Takes no more invocations, and ends when those that run have ended. */
  readonly retired: boolean;
  run(invocation: Invocation): Promise<Outcome>;
  retire(): void;
  memory(): Promise<ThreadMemory | undefined>;
  stop(): Promise<void>;
}

/** After a time-out: a thread that does not answer this long is stuck in a function's loop. */
const STUCK_AFTER_MS = 2000;
const MEMORY_ANSWER_MS = 2000;

export function startWorkerThread(options: WorkerThreadOptions): WorkerThread {
  const workerData: WorkerData = { codeFolder: options.codeFolder };
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData,
    env: { ...options.environment },
    execArgv: ['--disable-warning=ExperimentalWarning'],
    stdout: true,
    stderr: true,
  });
  const running = new Map<string, (outcome: Outcome) => void>();
  let loadMb = 0;
  const listeners = new Set<(message: FromWorker) => void>();
  let retired = false;
  let gone = false;

  function settle(requestId: string, outcome: Outcome): void {
    running.get(requestId)?.(outcome);
    running.delete(requestId);
    if (retired && running.size === 0) void worker.terminate();
  }

  function receive(message: FromWorker): void {
    if (message.kind === 'succeeded') settle(message.requestId, { payload: message.payload });
    else if (message.kind === 'failed') settle(message.requestId, { error: message.error });
    else if (message.kind === 'log') options.onLog(message);
    for (const listener of listeners) listener(message);
  }

  function end(reason: string): void {
    if (gone) return;
    gone = true;
    retired = true;
    for (const [requestId, resolve] of running) {
      resolve({
        error: {
          errorType: 'Runtime.ExitError',
          errorMessage: `RequestId: ${requestId} Error: Runtime exited with error: ${reason}`,
        },
      });
    }
    running.clear();
    options.onGone();
  }

  function send(message: ToWorker): void {
    if (!gone) worker.postMessage(message);
  }

  /** Resolves with the answer of that kind, or undefined when none comes in time. */
  function ask(
    message: ToWorker,
    kind: FromWorker['kind'],
    withinMs: number,
  ): Promise<FromWorker | undefined> {
    return new Promise((resolve) => {
      const finish = (answer: FromWorker | undefined) => {
        clearTimeout(timer);
        listeners.delete(listener);
        resolve(answer);
      };
      const listener = (answer: FromWorker) => {
        if (answer.kind === kind) finish(answer);
      };
      const timer = setTimeout(() => finish(undefined), withinMs);
      listeners.add(listener);
      send(message);
    });
  }

  async function timeOut(invocation: Invocation): Promise<void> {
    const { requestId, timeoutSeconds } = invocation.facts;
    // Lambda ends the whole environment; what else runs in this thread is innocent and may finish.
    retired = true;
    settle(requestId, {
      error: {
        errorType: 'Sandbox.Timedout',
        errorMessage: `RequestId: ${requestId} Error: Task timed out after ${timeoutSeconds.toFixed(2)} seconds`,
      },
    });
    const answer = gone ? undefined : await ask({ kind: 'ping' }, 'pong', STUCK_AFTER_MS);
    if (!answer) await worker.terminate();
  }

  worker.on('message', receive);
  worker.on('error', (error) => {
    options.onLog({ functionName: undefined, requestId: undefined, text: `${error.stack ?? error}\n` });
    end(error.message);
  });
  worker.on('exit', (code) => end(`exit status ${code}`));
  for (const stream of [worker.stdout, worker.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) =>
      options.onLog({ functionName: undefined, requestId: undefined, text }),
    );
  }
  // A warm thread must not keep the region's process alive.
  worker.unref();

  return {
    get running() {
      return running.size;
    },
    get loadMb() {
      return loadMb;
    },
    get retired() {
      return retired;
    },
    run: (invocation) =>
      new Promise((resolve) => {
        const { requestId, timeoutSeconds, memoryMb } = invocation.facts;
        const timer = setTimeout(() => void timeOut(invocation), timeoutSeconds * 1000);
        loadMb += memoryMb;
        running.set(requestId, (outcome) => {
          clearTimeout(timer);
          loadMb -= memoryMb;
          resolve(outcome);
        });
        send({ kind: 'invoke', facts: invocation.facts, payload: invocation.payload });
      }),
    retire() {
      retired = true;
      if (running.size === 0) void worker.terminate();
    },
    async memory() {
      const answer = await ask({ kind: 'memory' }, 'memory', MEMORY_ANSWER_MS);
      if (answer?.kind !== 'memory') return undefined;
      const { heapUsed, external, arrayBuffers } = answer;
      return { thread: worker.threadId, running: running.size, heapUsed, external, arrayBuffers };
    },
    stop: async () => {
      retired = true;
      await worker.terminate();
    },
  };
}
