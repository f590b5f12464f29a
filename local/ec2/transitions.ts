import type { FaultEffects } from '../faults.ts';
import type { RegionTime } from '../service.ts';
import type { ImageImportStage } from './import-image-record.ts';
import type { TransitionRecord } from './records.ts';
import type { Table } from './state.ts';

/** Every change of state that happens by itself after a while. */
export type TransitionKind =
  | 'instance-started'
  | 'instance-stopped'
  | 'instance-terminated'
  | 'instance-forgotten'
  | 'instance-checked'
  | 'volume-created'
  | 'volume-deleted'
  | 'volume-initialized'
  | 'volume-modified'
  | 'volume-optimized'
  | 'volume-attached'
  | 'volume-detached'
  | 'snapshot-copied'
  | 'snapshot-sealed'
  | 'snapshot-completed'
  | 'snapshot-removed'
  | 'import-reading'
  | 'import-completed'
  | 'import-failed'
  | 'import-removed'
  | 'image-registered'
  | `image-import-${Exclude<ImageImportStage, 'pending'> | 'completed' | 'failed' | 'removed'}`;

/** Carries a transition out. Idempotent: it is run again from its start when the region stopped in the middle. */
export type TransitionHandler = (
  resourceId: string,
  run: { readonly fate: FaultEffects; readonly signal: AbortSignal },
) => void | Promise<void>;

/**
 * The clockwork of the simulation. A scheduled transition is part of the persisted state until its handler is
 * through, so that one that was under way when the region stopped goes on (its time over again) after a restart.
 */
export interface Transitions {
  on(kind: TransitionKind, handler: TransitionHandler): void;
  schedule(transition: {
    readonly kind: TransitionKind;
    readonly resourceId: string;
    readonly seconds: number;
    readonly fate?: FaultEffects;
  }): void;
  /** Drops what is scheduled for a resource and aborts what is being carried out. */
  cancel(resourceId: string, kinds?: readonly TransitionKind[]): void;
  /** Starts the clocks of what the state holds; once, after all handlers are known. */
  resume(): void;
  /** Resolves when no handler is running; used where bytes are being copied. */
  idle(): Promise<void>;
  /** Aborts what is running; it stays scheduled. */
  stop(): Promise<void>;
}

interface Running {
  readonly controller: AbortController;
  readonly done: Promise<void>;
}

export function makeTransitions(options: {
  readonly time: RegionTime;
  readonly pending: Table<TransitionRecord>;
  readonly changed: () => void;
}): Transitions {
  const { time, pending, changed } = options;
  const handlers = new Map<string, TransitionHandler>();
  const running = new Map<string, Running>();
  let stopped = false;

  async function carryOut(transition: TransitionRecord, signal: AbortSignal): Promise<void> {
    const handler = handlers.get(transition.kind);
    if (!handler) throw new Error(`no handler for transition ${transition.kind} of ${transition.resourceId}`);
    try {
      await handler(transition.resourceId, { fate: transition.fate ?? {}, signal });
    } catch (error) {
      // Cut short because the region stops: it stays scheduled, and is begun again when the region is back.
      if (signal.aborted) return;
      pending.delete(transition.id);
      throw error;
    }
    pending.delete(transition.id);
  }

  function fire(transition: TransitionRecord): void {
    if (stopped || !pending.get(transition.id)) return;
    const controller = new AbortController();
    const done = carryOut(transition, controller.signal).finally(() => {
      running.delete(transition.id);
      changed();
    });
    running.set(transition.id, { controller, done });
    // Handlers turn expected troubles into AWS states themselves; anything else is a bug and must be seen.
    done.catch((error: unknown) => {
      queueMicrotask(() => {
        throw error;
      });
    });
  }

  const begin = (transition: TransitionRecord) => time.after(transition.seconds, () => fire(transition));

  return {
    on: (kind, handler) => void handlers.set(kind, handler),
    schedule(transition) {
      begin(pending.insert({ id: crypto.randomUUID(), ...transition }));
      changed();
    },
    cancel(resourceId, kinds) {
      for (const transition of pending.all()) {
        if (transition.resourceId !== resourceId) continue;
        if (kinds && !kinds.some((kind) => kind === transition.kind)) continue;
        pending.delete(transition.id);
        running.get(transition.id)?.controller.abort();
      }
    },
    resume() {
      for (const transition of pending.all()) begin(transition);
    },
    async idle() {
      while (running.size > 0) await Promise.allSettled([...running.values()].map((run) => run.done));
    },
    async stop() {
      stopped = true;
      const runs = [...running.values()];
      for (const run of runs) run.controller.abort();
      await Promise.allSettled(runs.map((run) => run.done));
    },
  };
}
