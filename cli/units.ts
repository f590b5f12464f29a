const UNITS = ['byte', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `0 bytes`, `512 KiB`, `1.25 GiB`: three significant digits, in powers of 1,024. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 1,023.5 of a unit would be printed as 1024 of it: that is one of the next.
  while (value >= 1023.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return unit === 0 ? formatCount(value, 'byte') : `${threeDigits(value)} ${UNITS[unit]}`;
}

/** `1 finding`, `2 findings`. */
export const formatCount = (count: number, what: string): string =>
  `${count} ${what}${count === 1 ? '' : 's'}`;

/** `310 MiB/s`. */
export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(Math.round(bytesPerSecond))}/s`;
}

/** `0.4 s`, `12 s`, `3 min 05 s`, `2 h 07 min`. */
export function formatDuration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${twoDigits(whole % 60)} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)} min`;
}

function threeDigits(value: number): string {
  if (Number.isInteger(value) || value >= 99.95) return value.toFixed(0);
  const digits = value >= 9.995 ? 1 : 2;
  return value.toFixed(digits).replace(/\.?0+$/, '');
}

const twoDigits = (value: number): string => String(value).padStart(2, '0');
