import { formatBytes, formatDuration, formatRate } from '../units.ts';

/** What is known about one disk (or one other line of work) at a moment. */
export interface ProgressLine {
  readonly label: string;
  /** What is being done with it: `upload as RAW`, `attach volume`, … */
  readonly phase: string;
  readonly doneBytes?: number;
  readonly totalBytes?: number;
  /** Of `doneBytes`, what had to be written: what is not zero. */
  readonly writtenBytes?: number;
  /** 0 to 1, where it is known otherwise than by bytes. */
  readonly fraction?: number;
  readonly bytesPerSecond?: number;
  readonly secondsLeft?: number;
  /** Anything short worth saying at the end of the line. */
  readonly note?: string;
}

const BAR_CELLS = 24;
const SMALLEST_BAR_CELLS = 8;

/** The lines of a display `columns` wide: one per line of work, aligned, never wider than the display. */
export function renderProgress(lines: readonly ProgressLine[], columns: number): string[] {
  const label = widest(lines.map((line) => line.label));
  const phase = widest(lines.map((line) => line.phase));
  const facts = lines.map((line) => factsOf(line).join('  '));
  const counted = lines.flatMap((line, index) =>
    fractionOf(line) === undefined ? [] : [facts[index] ?? ''],
  );
  // Besides the bar there are three gaps of two columns and two brackets.
  const room = columns - label - phase - widest(counted) - 8;
  const cells = Math.max(SMALLEST_BAR_CELLS, Math.min(BAR_CELLS, room));
  return lines.map((line, index) => {
    const head = `${line.label.padEnd(label)}  ${line.phase.padEnd(phase)}`;
    const fraction = fractionOf(line);
    const middle = fraction === undefined ? '' : `[${bar(fraction, cells)}]  `;
    return cut(`${head}  ${middle}${facts[index]}`.trimEnd(), columns);
  });
}

/** One line of work without bar or alignment, for logs and pipes. */
export function renderPlain(line: ProgressLine): string {
  return [`${line.label}: ${line.phase}`, ...factsOf(line)].join('  ').trimEnd();
}

function factsOf(line: ProgressLine): string[] {
  const facts: string[] = [];
  const fraction = fractionOf(line);
  // Rounded down: 100% is said only of what is done.
  if (fraction !== undefined) facts.push(`${String(Math.floor(fraction * 100)).padStart(3)}%`);
  if (line.doneBytes !== undefined && line.totalBytes !== undefined) {
    facts.push(`${formatBytes(line.doneBytes)} of ${formatBytes(line.totalBytes)}`);
  }
  if (line.bytesPerSecond !== undefined) facts.push(formatRate(line.bytesPerSecond));
  if (line.secondsLeft !== undefined) facts.push(`${formatDuration(line.secondsLeft)} left`);
  if (line.writtenBytes !== undefined) facts.push(`${formatBytes(line.writtenBytes)} written`);
  if (line.note !== undefined) facts.push(line.note);
  return facts;
}

function fractionOf({ fraction, doneBytes, totalBytes }: ProgressLine): number | undefined {
  if (fraction !== undefined) return clamp(fraction);
  if (doneBytes === undefined || totalBytes === undefined) return undefined;
  return totalBytes === 0 ? 1 : clamp(doneBytes / totalBytes);
}

function bar(fraction: number, cells: number): string {
  const full = Math.floor(fraction * cells);
  return '█'.repeat(full) + '·'.repeat(cells - full);
}

function cut(text: string, columns: number): string {
  return text.length <= columns ? text : `${text.slice(0, Math.max(0, columns - 1))}…`;
}

const clamp = (value: number): number => Math.min(1, Math.max(0, value));
const widest = (texts: readonly string[]): number => Math.max(0, ...texts.map((text) => text.length));
