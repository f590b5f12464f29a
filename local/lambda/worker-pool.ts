import type { Invocation, LogText, Outcome, ThreadMemory, WorkerThread } from './worker-thread.ts';
import { startWorkerThread } from './worker-thread.ts';

export interface WorkerPoolOptions {
  readonly codeFolder: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Threads at most; they are started when they are needed. */
  readonly threads: number;
  readonly onLog: (log: LogText) => void;
}

/** Warm threads for the functions that share one asset and one environment. Invocations beyond its room wait their turn. */
export interface WorkerPool {
  run(invocation: Invocation): Promise<Outcome>;
  memory(): Promise<ThreadMemory[]>;
  /** Lets what runs finish, then ends the threads; nothing new may be given to it. */
  retire(): void;
  stop(): Promise<void>;
}

/**
 * Invocations at once in one thread. Functions mostly wait for calls that the region answers in its own thread, so a few at
 * once use the processor better; each may hold tens of MiB of a disk's data, so not many.
 */
export const INVOCATIONS_PER_THREAD = 8;

export function makeWorkerPool(options: WorkerPoolOptions): WorkerPool {
  const threads = new Set<WorkerThread>();
  const waiting: (() => void)[] = [];
  let retired = false;

  function start(): WorkerThread {
    const thread: WorkerThread = startWorkerThread({
      ...options,
      onGone: () => {
        threads.delete(thread);
        waiting.shift()?.();
      },
    });
    threads.add(thread);
    return thread;
  }

  /** A thread with room: an idle one, else a new one, else the one that has least to do. */
  function choose(): WorkerThread | undefined {
    const open = [...threads].filter((thread) => !thread.retired).sort((a, b) => a.running - b.running);
    const least = open[0];
    if (least && least.running === 0) return least;
    if (open.length < options.threads) return start();
    return least && least.running < INVOCATIONS_PER_THREAD ? least : undefined;
  }

  async function run(invocation: Invocation): Promise<Outcome> {
    let thread = choose();
    while (!thread) {
      await new Promise<void>((resolve) => waiting.push(resolve));
      thread = choose();
    }
    try {
      return await thread.run(invocation);
    } finally {
      waiting.shift()?.();
      if (retired) retireIdle();
    }
  }

  function retireIdle(): void {
    if (waiting.length > 0) return;
    for (const thread of threads) thread.retire();
  }

  return {
    run,
    memory: async () => {
      const answers = await Promise.all([...threads].map((thread) => thread.memory()));
      return answers.filter((answer) => answer !== undefined);
    },
    retire() {
      retired = true;
      retireIdle();
    },
    stop: async () => {
      await Promise.all([...threads].map((thread) => thread.stop()));
    },
  };
}
