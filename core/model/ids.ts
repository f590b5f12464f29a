import { LandfallError } from './errors.ts';

/** A value of type `T` that only the parse functions below make: a bare string or number is not one. */
export type Branded<T, Name extends string> = T & { readonly __brand: Name };

/** `rp-<UTC time>-<64 hex>`: one restore point; the hex is the SHA-256 of its manifest's bytes. */
export type RestorePointId = Branded<string, 'RestorePointId'>;
/** Names one restore; also the stem of its execution names, so at most 64 of [A-Za-z0-9_-]. */
export type RestoreId = Branded<string, 'RestoreId'>;
/** Names one disk within a workload: 1 to 64 of [A-Za-z0-9._-], first one alphanumeric. */
export type DiskId = Branded<string, 'DiskId'>;
/** Names a workload within a repository: 1 to 128 of [A-Za-z0-9._-], first one alphanumeric. */
export type WorkloadName = Branded<string, 'WorkloadName'>;
/** A count of bytes, a non-negative safe integer. */
export type Bytes = Branded<number, 'Bytes'>;
/** A count of gibibytes (2^30 bytes), the unit of EBS volume sizes. */
export type GiB = Branded<number, 'GiB'>;

export const GIB_BYTES = 1024 ** 3;

export class InvalidId extends LandfallError {
  override readonly name = 'InvalidId';
}

const RESTORE_POINT_ID = /^rp-\d{8}T\d{6}Z-[0-9a-f]{64}$/;
const RESTORE_ID = /^[A-Za-z0-9_-]{1,64}$/;
const DISK_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const WORKLOAD_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

const parser =
  <Id extends string>(what: string, pattern: RegExp, form: string) =>
  (text: string): Id => {
    if (!pattern.test(text)) throw new InvalidId(`${what} "${text}" is not of the form ${form}`);
    return text as Id;
  };

/** @throws InvalidId */
export const parseRestorePointId = parser<RestorePointId>(
  'restore point',
  RESTORE_POINT_ID,
  'rp-<yyyymmddThhmmssZ>-<64 hex digits>',
);
/** @throws InvalidId */
export const parseRestoreId = parser<RestoreId>('restoreId', RESTORE_ID, '1 to 64 of A-Z a-z 0-9 _ -');
/** @throws InvalidId */
export const parseDiskId = parser<DiskId>(
  'disk id',
  DISK_ID,
  '1 to 64 of A-Z a-z 0-9 . _ -, a letter or digit first',
);
/** @throws InvalidId */
export const parseWorkloadName = parser<WorkloadName>(
  'workload name',
  WORKLOAD_NAME,
  '1 to 128 of A-Z a-z 0-9 . _ -, a letter or digit first',
);

/** @throws InvalidId when `count` is not a non-negative safe integer. */
export function parseBytes(count: number): Bytes {
  if (!Number.isSafeInteger(count) || count < 0) throw new InvalidId(`${count} is not a count of bytes`);
  return count as Bytes;
}

/** The whole GiB that hold `size`: EBS volumes come in GiB, at least one. */
export function wholeGiB(size: Bytes): GiB {
  return Math.max(1, Math.ceil(size / GIB_BYTES)) as GiB;
}
