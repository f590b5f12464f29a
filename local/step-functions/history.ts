import type { HistoryEvent, HistoryEventType } from '@aws-sdk/client-sfn';

/** An event as AWS words it, but for its time. */
export type HistoryLine = Omit<HistoryEvent, 'timestamp'> & { readonly timestampMs: number };

export type EventDetails = Partial<Omit<HistoryEvent, 'id' | 'previousEventId' | 'timestamp' | 'type'>>;

/** One line of causes within an execution's history: the machine's own, or an iteration's, or a branch's. */
export interface HistoryBranch {
  /** Id of the event that the next one follows. */
  readonly last: number;
  /** Records an event that follows the last one, and is what the next one follows. */
  record(type: HistoryEventType, details?: EventDetails): void;
  /** Records an event that the next one does not follow (AWS's …Succeeded of a Map, for one). */
  recordAside(type: HistoryEventType, details?: EventDetails): void;
  /** Records an event that follows none: how AWS shows an end from outside. */
  fromStart(type: HistoryEventType, details?: EventDetails): void;
  /** A line of its own that starts where this one is. */
  fork(): HistoryBranch;
  /** Ends the line: what is recorded on it or its forks afterwards is dropped, as AWS shows nothing of aborted work. */
  close(): void;
  /** Goes on from where another line ended. */
  continueFrom(branch: HistoryBranch): void;
}

export interface HistoryOptions {
  /** Takes each event in order; none for the history of a distributed Map's child, which nobody asks for. */
  readonly append?: (line: HistoryLine) => void;
  readonly now: () => Date;
  /** The history has reached AWS's quota: the execution must fail. */
  readonly onFull: () => void;
}

/** AWS's quota on events of one execution. */
export const HISTORY_EVENTS = 25_000;

/** A new history with its first event recorded; that one is followed by none, as on AWS. */
export function startHistory(options: HistoryOptions, started: EventDetails): HistoryBranch {
  let count = 0;
  const write = (type: HistoryEventType, previousEventId: number, details: EventDetails): number => {
    // The last place is kept for how the execution ends.
    if (count >= HISTORY_EVENTS - 1 && !type.startsWith('Execution')) {
      options.onFull();
      return count;
    }
    count += 1;
    options.append?.({ id: count, previousEventId, timestampMs: options.now().getTime(), type, ...details });
    return count;
  };
  write('ExecutionStarted', 0, started);
  return makeBranch(0, () => true, write);
}

function makeBranch(
  start: number,
  isOpen: () => boolean,
  write: (type: HistoryEventType, previousEventId: number, details: EventDetails) => number,
): HistoryBranch {
  let last = start;
  let open = true;
  const isOpenHere = () => open && isOpen();
  return {
    get last() {
      return last;
    },
    record(type, details = {}) {
      if (isOpenHere()) last = write(type, last, details);
    },
    recordAside(type, details = {}) {
      if (isOpenHere()) write(type, last, details);
    },
    fromStart(type, details = {}) {
      if (isOpenHere()) write(type, 0, details);
    },
    fork: () => makeBranch(last, isOpenHere, write),
    close() {
      open = false;
    },
    continueFrom(branch) {
      last = Math.max(last, branch.last);
    },
  };
}
