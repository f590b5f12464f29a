import type { FaultAction, FaultRule } from './faults.ts';

/** A fault that was asked for: how often it struck, and the ways to end it. */
export interface PlannedFault {
  readonly id: string;
  readonly rule: FaultRule;
  /** How many calls it has acted on. */
  readonly hits: number;
  /** How many held calls wait for {@link release} now. */
  readonly holding: number;
  /** Lets every held call go on, those that come later too. */
  release(): void;
  /** Takes the rule away; held calls go on. */
  remove(): void;
}

export interface FaultRules {
  /** Adds a rule; of several that match a call, the first added that is not spent acts. */
  add(rule: FaultRule): PlannedFault;
  list(): PlannedFault[];
  /** Rules that never struck: a test with any left has not tested what it says. */
  unhit(): FaultRule[];
  clear(): void;
}

/** What the region asks: which fault strikes this call. */
export interface FaultDecider extends FaultRules {
  take(call: FaultCandidate): FaultStrike | undefined;
}

export interface FaultCandidate {
  readonly service: string;
  readonly operation: string;
  readonly caller: string;
  readonly input: Record<string, unknown>;
}

export interface FaultStrike {
  readonly action: FaultAction;
  /** For `hold`: resolves when released, rejects with the signal's reason. */
  held(signal: AbortSignal): Promise<void>;
}

export function makeFaultRules(): FaultDecider {
  let faults: LiveFault[] = [];
  let made = 0;
  return {
    add: (rule) => {
      made += 1;
      const fault = makeLiveFault(`fault-${made}`, rule, () => {
        faults = faults.filter((other) => other !== fault);
      });
      faults.push(fault);
      return fault.planned;
    },
    list: () => faults.map((fault) => fault.planned),
    unhit: () => faults.filter((fault) => fault.planned.hits === 0).map((fault) => fault.planned.rule),
    clear: () => {
      for (const fault of [...faults]) fault.planned.remove();
    },
    take: (call) => {
      for (const fault of faults) {
        if (fault.strikes(call)) return fault.strike;
      }
      return undefined;
    },
  };
}

interface LiveFault {
  readonly planned: PlannedFault;
  /** Whether the fault acts on this call; counts it when it does. */
  strikes(call: FaultCandidate): boolean;
  readonly strike: FaultStrike;
}

function makeLiveFault(id: string, rule: FaultRule, forget: () => void): LiveFault {
  let hits = 0;
  let holding = 0;
  let toSkip = rule.skip ?? 0;
  const released = Promise.withResolvers<void>();

  return {
    planned: {
      id,
      rule,
      get hits() {
        return hits;
      },
      get holding() {
        return holding;
      },
      release: () => released.resolve(),
      remove: () => {
        released.resolve();
        forget();
      },
    },
    strikes: (call) => {
      if (hits >= (rule.times ?? 1) || !ruleMatches(rule, call)) return false;
      if (toSkip > 0) {
        toSkip -= 1;
        return false;
      }
      hits += 1;
      return true;
    },
    strike: {
      action: rule.action,
      held: async (signal) => {
        holding += 1;
        const aborted = Promise.withResolvers<never>();
        const abort = () => aborted.reject(signal.reason);
        signal.addEventListener('abort', abort, { once: true });
        try {
          signal.throwIfAborted();
          await Promise.race([released.promise, aborted.promise]);
        } finally {
          signal.removeEventListener('abort', abort);
          holding -= 1;
        }
      },
    },
  };
}

function ruleMatches(rule: FaultRule, call: FaultCandidate): boolean {
  return (
    rule.service === call.service &&
    rule.operation === call.operation &&
    (rule.caller === undefined || rule.caller === call.caller) &&
    (rule.when === undefined || rule.when(call.input))
  );
}
