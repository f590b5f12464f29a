import { expect, it } from 'vitest';
import { firstPoll, nextPoll, nextShare, type Poll } from '../../lambdas/runtime/poll.ts';

/** The waits of a loop until it has waited for so long. */
function waitsUntil(first: Poll, seconds: number, next: (poll: Poll) => Poll): number[] {
  const waits: number[] = [];
  for (let poll = first; poll.waitedSeconds < seconds; poll = next(poll)) waits.push(poll.waitSeconds);
  return waits;
}

it('grows waits by half up to a limit', () => {
  const waits = waitsUntil(firstPoll(5, 30), 200, nextPoll);
  expect(waits).toEqual([5, 8, 12, 18, 27, 30, 30, 30, 30, 30]);
});

it('looks often enough at what takes long, and seldom enough for the history of a week', () => {
  const waits = waitsUntil(firstPoll(5, 600), 7 * 24 * 3_600, nextShare);
  // infra/workflows/write-with-helper.ts counts on it.
  expect(waits.length).toBeLessThan(1_110);
  let waited = 0;
  for (const wait of waits) {
    // Late by a twentieth at most, rounded up; by five seconds at first.
    expect(wait).toBeLessThanOrEqual(Math.max(5, Math.min(600, Math.floor(waited / 20) + 1)));
    waited += wait;
  }
});
