import type { TextSink } from '../host.ts';
import { type ProgressLine, renderPlain, renderProgress } from './bar.ts';

/** A terminal shows at most this many pictures a second. */
const TERMINAL_INTERVAL_MS = 100;
/** A pipe or log gets a line per disk at most this often, and at every change of phase. */
const PLAIN_INTERVAL_MS = 5_000;
const DEFAULT_COLUMNS = 80;

export interface ProgressDisplay {
  /** Shows this state of all lines, or passes over it when the last one is too fresh. */
  show(lines: readonly ProgressLine[]): void;
  /** A line of text that stays, above the moving ones. */
  note(text: string): void;
  /** Shows the last state and leaves it standing. */
  end(): void;
}

export interface DisplayOptions {
  readonly sink: TextSink;
  readonly enabled: boolean;
  /** Milliseconds of a clock that only goes forward. */
  readonly now?: () => number;
}

/** Progress on a terminal as lines that are redrawn in place, elsewhere as plain lines now and then. */
export function makeProgressDisplay({
  sink,
  enabled,
  now = () => performance.now(),
}: DisplayOptions): ProgressDisplay {
  if (!enabled) return { show() {}, note: (text) => void sink.write(`${text}\n`), end() {} };
  return sink.isTTY === true ? makeTerminalDisplay(sink, now) : makePlainDisplay(sink, now);
}

function makeTerminalDisplay(sink: TextSink, now: () => number): ProgressDisplay {
  let drawnAt = Number.NEGATIVE_INFINITY;
  let drawnLines = 0;
  let latest: readonly ProgressLine[] = [];
  // Up to the first drawn line, then erase from there to the end of the screen.
  const erase = () => (drawnLines === 0 ? '' : `\u001b[${drawnLines}A\u001b[0J`);
  const draw = () => {
    // Some terminals say they have 0 columns; some wrap after the last one, so it is left free.
    const lines = renderProgress(latest, (sink.columns || DEFAULT_COLUMNS) - 1);
    sink.write(erase() + lines.map((line) => `${line}\n`).join(''));
    drawnLines = lines.length;
    drawnAt = now();
  };
  return {
    show(lines) {
      latest = lines;
      if (now() - drawnAt >= TERMINAL_INTERVAL_MS) draw();
    },
    note(text) {
      sink.write(`${erase()}${text}\n`);
      drawnLines = 0;
      if (latest.length > 0) draw();
    },
    end() {
      if (latest.length > 0) draw();
      latest = [];
      drawnLines = 0;
    },
  };
}

function makePlainDisplay(sink: TextSink, now: () => number): ProgressDisplay {
  const shown = new Map<string, { at: number; phase: string; text: string }>();
  let latest: readonly ProgressLine[] = [];
  const write = (line: ProgressLine) => {
    const text = renderPlain(line);
    if (shown.get(line.label)?.text === text) return;
    shown.set(line.label, { at: now(), phase: line.phase, text });
    sink.write(`${text}\n`);
  };
  return {
    show(lines) {
      latest = lines;
      for (const line of lines) {
        const last = shown.get(line.label);
        if (last?.phase !== line.phase || now() - last.at >= PLAIN_INTERVAL_MS) write(line);
      }
    },
    note: (text) => void sink.write(`${text}\n`),
    end() {
      for (const line of latest) write(line);
      latest = [];
    },
  };
}
