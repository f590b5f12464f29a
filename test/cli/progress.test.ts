import { describe, expect, test } from 'vitest';
import { renderPlain, renderProgress } from '../../cli/progress/bar.ts';
import { makeProgressDisplay } from '../../cli/progress/display.ts';
import { makeRateMeter } from '../../cli/progress/rate.ts';

const GIB = 1024 ** 3;

const LINES = [
  {
    label: 'root',
    phase: 'upload as RAW',
    doneBytes: 0.5 * GIB,
    totalBytes: 1.25 * GIB,
    bytesPerSecond: 310 * 1024 ** 2,
    secondsLeft: 2.48,
  },
  { label: 'data', phase: 'import as snapshot', fraction: 0.299, note: 'converting' },
  { label: 'machine', phase: 'bring in disks' },
];

describe('the picture on a terminal', () => {
  test('is aligned, with a bar where something can be counted', () => {
    expect(renderProgress(LINES, 110)).toEqual([
      'root     upload as RAW       [█████████···············]   40%  512 MiB of 1.25 GiB  310 MiB/s  2.5 s left',
      'data     import as snapshot  [███████·················]   29%  converting',
      'machine  bring in disks',
    ]);
  });

  test('shortens its bars on a narrow terminal, then cuts lines', () => {
    expect(renderProgress(LINES, 89)).toEqual([
      'root     upload as RAW       [███·····]   40%  512 MiB of 1.25 GiB  310 MiB/s  2.5 s left',
      'data     import as snapshot  [██······]   29%  converting',
      'machine  bring in disks',
    ]);
    const narrow = renderProgress(LINES, 40);
    expect(narrow[0]).toBe('root     upload as RAW       [███·····]…');
    expect(narrow.every((line) => line.length <= 40)).toBe(true);
  });

  test('says 100% of what is done only, and of an empty disk', () => {
    const almost = { label: 'a', phase: 'p', doneBytes: GIB - 1, totalBytes: GIB };
    expect(renderProgress([almost], 60)).toEqual(['a  p  [███████████████████████·]   99%  1 GiB of 1 GiB']);
    const nothing = { label: 'a', phase: 'p', doneBytes: 0, totalBytes: 0 };
    expect(renderProgress([nothing], 60)).toEqual([
      'a  p  [████████████████████████]  100%  0 bytes of 0 bytes',
    ]);
  });
});

test('what had to be written stands at the end', () => {
  const line = { label: 'root', phase: 'write', doneBytes: GIB, totalBytes: 2 * GIB, writtenBytes: 5 };
  expect(renderPlain({ ...line, bytesPerSecond: 1024, note: 'so far' })).toBe(
    'root: write   50%  1 GiB of 2 GiB  1 KiB/s  5 bytes written  so far',
  );
});

test('a plain line has no bar and no padding', () => {
  expect(LINES.map(renderPlain)).toEqual([
    'root: upload as RAW   40%  512 MiB of 1.25 GiB  310 MiB/s  2.5 s left',
    'data: import as snapshot   29%  converting',
    'machine: bring in disks',
  ]);
});

function makeSink(isTTY: boolean) {
  let text = '';
  return { isTTY, columns: 80, write: (more: string) => (text += more), read: () => text };
}

describe('the display', () => {
  const line = (phase: string, doneBytes: number) => [{ label: 'root', phase, doneBytes, totalBytes: 4 }];

  test('draws over itself on a terminal, at most ten times a second', () => {
    let now = 0;
    const sink = makeSink(true);
    const display = makeProgressDisplay({ sink, enabled: true, now: () => now });
    display.show(line('up', 1));
    now = 50;
    display.show(line('up', 2));
    now = 100;
    display.show(line('up', 3));
    display.note('hello');
    display.end();
    const at = (cells: string, percent: string, bytes: string) =>
      `root  up  [${cells}]  ${percent}  ${bytes} of 4 bytes\n`;
    const third = at('██████████████████······', ' 75%', '3 bytes');
    expect(sink.read()).toBe(
      `${at('██████··················', ' 25%', '1 byte')}\u001b[1A\u001b[0J${third}\u001b[1A\u001b[0Jhello\n${third}\u001b[1A\u001b[0J${third}`,
    );
  });

  test('writes into a pipe when the phase changes, every five seconds, and at the end', () => {
    let now = 0;
    const sink = makeSink(false);
    const display = makeProgressDisplay({ sink, enabled: true, now: () => now });
    for (const [at, phase, bytes] of [
      [0, 'up', 0],
      [1_000, 'up', 1],
      [5_000, 'up', 2],
      [5_100, 'down', 3],
      [6_000, 'down', 4],
    ] as const) {
      now = at;
      display.show(line(phase, bytes));
    }
    display.end();
    expect(sink.read().split('\n')).toEqual([
      'root: up    0%  0 bytes of 4 bytes',
      'root: up   50%  2 bytes of 4 bytes',
      'root: down   75%  3 bytes of 4 bytes',
      'root: down  100%  4 bytes of 4 bytes',
      '',
    ]);
  });

  test('takes 80 columns for granted where a terminal says it has none', () => {
    const sink = { ...makeSink(true), columns: 0 };
    makeProgressDisplay({ sink, enabled: true, now: () => 0 }).show(line('up', 4));
    expect(sink.read()).toBe('root  up  [████████████████████████]  100%  4 bytes of 4 bytes\n');
  });

  test('shows nothing when it is switched off, but notes', () => {
    const sink = makeSink(true);
    const display = makeProgressDisplay({ sink, enabled: false });
    display.show(line('up', 1));
    display.note('careful');
    display.end();
    expect(sink.read()).toBe('careful\n');
  });
});

describe('the rate', () => {
  test('is that of the last ten seconds', () => {
    const meter = makeRateMeter();
    const note = (seconds: number, doneBytes: number) => meter.note({ seconds, doneBytes, totalBytes: 1000 });
    expect(note(0, 0)).toEqual({});
    expect(note(2, 200)).toEqual({ bytesPerSecond: 100, secondsLeft: 8 });
    expect(note(10, 240)).toEqual({ bytesPerSecond: 24, secondsLeft: 760 / 24 });
    expect(note(20, 340)).toEqual({ bytesPerSecond: 10, secondsLeft: 66 });
  });

  test('is not known of what stands still or has begun again', () => {
    const meter = makeRateMeter();
    meter.note({ seconds: 0, doneBytes: 500, totalBytes: 1000 });
    expect(meter.note({ seconds: 5, doneBytes: 500, totalBytes: 1000 })).toEqual({});
    expect(meter.note({ seconds: 6, doneBytes: 100, totalBytes: 1000 })).toEqual({});
    expect(meter.note({ seconds: 8, doneBytes: 300, totalBytes: 1000 })).toEqual({
      bytesPerSecond: 100,
      secondsLeft: 7,
    });
  });
});
