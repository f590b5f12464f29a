import { expect, test } from 'vitest';
import { formatBytes, formatDuration, formatRate } from '../../cli/units.ts';

test.each([
  [0, '0 bytes'],
  [1, '1 byte'],
  [1023, '1023 bytes'],
  [1024, '1 KiB'],
  [524_288, '512 KiB'],
  [1_048_575, '1 MiB'],
  [1_342_177_280, '1.25 GiB'],
  [734_003_200, '700 MiB'],
  [10_737_418_241, '10 GiB'],
  [13_421_772_800, '12.5 GiB'],
  [70_368_744_177_664, '64 TiB'],
])('%i bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [0, '0.0 s'],
  [0.44, '0.4 s'],
  [9.94, '9.9 s'],
  [9.96, '10 s'],
  [59.4, '59 s'],
  [59.6, '1 min 00 s'],
  [185, '3 min 05 s'],
  [3599.7, '1 h 00 min'],
  [7620, '2 h 07 min'],
])('%d seconds are %s', (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

test('a rate is bytes and a second', () => {
  expect(formatRate(325_058_560.4)).toBe('310 MiB/s');
});
