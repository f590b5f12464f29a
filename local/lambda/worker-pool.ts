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
 * How much declared memory a thread takes at once. Memory stands for CPU on Lambda too (1,769 MB is a whole one), so a
 * thread runs one function that moves data and one that only waits for calls, or several of the latter. More movers
 * would share the same core and only hold more memory.
 */
const THREAD_ROOM_MB = 2560;

interface Waiting {
  readonly invocation: Invocation;
  readonly resolve: (outcome: Promise<Outcome>) => void;
}

export function makeWorkerPool(options: WorkerPoolOptions): WorkerPool {
  const threads = new Set<WorkerThread>();
  let waiting: Waiting[] = [];
  let retired = false;

  function start(): WorkerThread {
    const thread: WorkerThread = startWorkerThread({
      ...options,
      onGone: () => {
        threads.delete(thread);
        placeWaiting();
      },
    });
    threads.add(thread);
    return thread;
  }

  /** A thread with room: an idle one, else a new one, else the one that has least to do. */
  function choose(memoryMb: number): WorkerThread | undefined {
    const open = [...threads].filter((thread) => !thread.retired).sort((a, b) => a.loadMb - b.loadMb);
    const least = open[0];
    if (least && least.running === 0) return least;
    if (open.length < options.threads) return start();
    return least && least.loadMb + memoryMb <= THREAD_ROOM_MB ? least : undefined;
  }

  /** Starts what waits and finds room, in the order it came; smaller ones may overtake. */
  function placeWaiting(): void {
    const before = waiting;
    waiting = [];
    const left = before.filter(({ invocation, resolve }) => {
      const thread = choose(invocation.facts.memoryMb);
      if (thread) resolve(thread.run(invocation));
      return !thread;
    });
    waiting = [...left, ...waiting];
    if (retired) retireIdle();
  }

  function retireIdle(): void {
    if (waiting.length > 0) return;
    for (const thread of threads) thread.retire();
  }

  return {
    run(invocation) {
      const outcome = new Promise<Outcome>((resolve) => {
        waiting.push({ invocation, resolve });
      });
      placeWaiting();
      return outcome.finally(placeWaiting);
    },
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
