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

/** A thread that does not answer this long is stuck in a function's loop. */
const ANSWER_MS = 2000;

/** Starts a thread; it loads functions when they are first invoked. */
export function startWorkerThread(options: WorkerThreadOptions): WorkerThread {
  const worker = startWorker(options);
  const answers = new Set<(message: FromWorker) => void>();
  const running = new Map<string, (outcome: Outcome) => void>();
  let loadMb = 0;
  let retired = false;
  let gone = false;

  function settle(requestId: string, outcome: Outcome): void {
    running.get(requestId)?.(outcome);
    running.delete(requestId);
    if (retired && running.size === 0) void worker.terminate();
  }

  function end(reason: string): void {
    if (gone) return;
    gone = true;
    retired = true;
    for (const requestId of [...running.keys()]) settle(requestId, exited(requestId, reason));
    options.onGone();
  }

  /** Resolves with the answer of that kind, or undefined when none comes in time. */
  function ask(message: ToWorker, kind: FromWorker['kind']): Promise<FromWorker | undefined> {
    return new Promise((resolve) => {
      const finish = (answer: FromWorker | undefined) => {
        clearTimeout(timer);
        answers.delete(listen);
        resolve(answer);
      };
      const listen = (answer: FromWorker) => {
        if (answer.kind === kind) finish(answer);
      };
      const timer = setTimeout(() => finish(undefined), ANSWER_MS);
      answers.add(listen);
      if (!gone) worker.postMessage(message);
    });
  }

  async function timeOut({ facts }: Invocation): Promise<void> {
    // Lambda ends the whole environment; what else runs in this thread is innocent and may finish.
    retired = true;
    settle(facts.requestId, timedOut(facts));
    const isStuck = gone || (await ask({ kind: 'ping' }, 'pong')) === undefined;
    if (isStuck) await worker.terminate();
  }

  worker.on('message', (message: FromWorker) => {
    if (message.kind === 'succeeded') settle(message.requestId, { payload: message.payload });
    else if (message.kind === 'failed') settle(message.requestId, { error: message.error });
    else if (message.kind === 'log') options.onLog(message);
    for (const listen of answers) listen(message);
  });
  worker.on('error', (error: Error) => {
    options.onLog({ ...NOBODY, text: `${error.stack ?? error}\n` });
    end(error.message);
  });
  worker.on('exit', (code) => end(`exit status ${code}`));

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
        const { facts, payload } = invocation;
        const timer = setTimeout(() => void timeOut(invocation), facts.timeoutSeconds * 1000);
        loadMb += facts.memoryMb;
        running.set(facts.requestId, (outcome) => {
          clearTimeout(timer);
          loadMb -= facts.memoryMb;
          resolve(outcome);
        });
        const message: ToWorker = { kind: 'invoke', facts, payload };
        worker.postMessage(message);
      }),
    retire() {
      retired = true;
      if (running.size === 0) void worker.terminate();
    },
    async memory() {
      const answer = await ask({ kind: 'memory' }, 'memory');
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

const NOBODY = { functionName: undefined, requestId: undefined };

function startWorker({ codeFolder, environment, onLog }: WorkerThreadOptions): Worker {
  const workerData: WorkerData = { codeFolder };
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData,
    env: { ...environment },
    // Far above what the functions keep; without a limit a thread's garbage grows to hundreds of MiB before it is looked at.
    resourceLimits: { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 256 },
    // Not those of this process: a test runner's loaders have no business in there.
    execArgv: ['--disable-warning=ExperimentalWarning'],
    stdout: true,
    stderr: true,
  });
  for (const stream of [worker.stdout, worker.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => onLog({ ...NOBODY, text }));
  }
  // A warm thread must not keep the region's process alive.
  worker.unref();
  return worker;
}

function exited(requestId: string, reason: string): Outcome {
  return {
    error: {
      errorType: 'Runtime.ExitError',
      errorMessage: `RequestId: ${requestId} Error: Runtime exited with error: ${reason}`,
    },
  };
}

function timedOut({ requestId, timeoutSeconds }: InvocationFacts): Outcome {
  return {
    error: {
      errorType: 'Sandbox.Timedout',
      errorMessage: `RequestId: ${requestId} Error: Task timed out after ${timeoutSeconds.toFixed(2)} seconds`,
    },
  };
}
