import { InvalidArgumentError } from 'commander';

/** For a flag that may be given several times. */
export const collect = (value: string, earlier: readonly string[] = []): string[] => [...earlier, value];

/** For `--flag key=value`, given several times. */
export function collectPairs(
  value: string,
  earlier: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const [, key, rest] = /^([^=]+)=(.*)$/s.exec(value) ?? [];
  if (key === undefined || rest === undefined)
    throw new InvalidArgumentError('It must be of the form key=value.');
  return { ...earlier, [key]: rest };
}

/** ISO 8601; without a zone it is UTC, as everything in a repository. */
export function parseTime(value: string): Date {
  const hasZone = /(Z|[+-]\d\d:?\d\d)$/i.test(value);
  const isDayOnly = /^\d{4}-\d\d-\d\d$/.test(value);
  const time = new Date(hasZone || isDayOnly ? value : `${value}Z`);
  if (/^\d{4}-\d\d-\d\d/.test(value) && !Number.isNaN(time.getTime())) return time;
  throw new InvalidArgumentError('It must be a time like 2026-01-31T08:00:00Z.');
}

/** A whole number from `least` on, up to `most`. */
export const wholeNumber =
  (least: number, most = Number.MAX_SAFE_INTEGER) =>
  (value: string): number => {
    const number = Number(value);
    if (/^\d+$/.test(value) && number >= least && number <= most) return number;
    const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `${least} to ${most}`;
    throw new InvalidArgumentError(`It must be a whole number, ${range}.`);
  };

export const parseMiB = wholeNumber(1);

export function parsePositive(value: string): number {
  const number = Number(value);
  if (number > 0 && Number.isFinite(number)) return number;
  throw new InvalidArgumentError('It must be a number above 0.');
}
