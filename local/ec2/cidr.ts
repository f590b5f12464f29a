/** IPv4 arithmetic on unsigned 32-bit numbers. */
export interface Cidr {
  readonly base: number;
  readonly bits: number;
  readonly size: number;
}

/** undefined when `text` is not an IPv4 address. */
export function parseAddress(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255))
    return undefined;
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0);
}

export const addressText = (address: number): string =>
  [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');

/** undefined when `text` is not `a.b.c.d/n` with no bit set behind the prefix. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = '', prefix = ''] = text.split('/');
  const base = parseAddress(address);
  const bits = /^\d{1,2}$/.test(prefix) ? Number(prefix) : 33;
  if (base === undefined || bits > 32) return undefined;
  const size = 2 ** (32 - bits);
  return base % size === 0 ? { base, bits, size } : undefined;
}

export const holdsAddress = (cidr: Cidr, address: number): boolean =>
  address >= cidr.base && address < cidr.base + cidr.size;

export const overlaps = (a: Cidr, b: Cidr): boolean => a.base < b.base + b.size && b.base < a.base + a.size;
