import type { Estimate } from './estimate.ts';
import { PRICES, SPEEDS } from './prices-and-speeds.ts';

/* What an estimate's cost is made of; each part is one line of it. */

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
// AWS counts a month as 730 hours.
const MONTH_SECONDS = 730 * 3_600;

export type Cost = Estimate['costs'][number];

interface Disk {
  readonly writtenBytes: number;
  readonly initializationMibps?: number;
}

/** The sum of what `of` says of each. */
export const sum = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((total, item) => total + of(item), 0);

/** Of Lambdas that move data, all their seconds together. */
export const lambdaUsd = (lambdaSeconds: number): number =>
  lambdaSeconds * SPEEDS.lambdaGb.value * PRICES.lambdaGbSecond.value;

/** Seconds that Lambdas take to move so many bytes, all together. */
export const movingSeconds = (bytes: number): number => bytes / MIB / SPEEDS.lambdaMibps.value;

/** Of bytes that are kept for some seconds. */
export const stored = (bytes: number, seconds: number, gibMonthUsd: number): number =>
  (bytes / GIB) * (seconds / MONTH_SECONDS) * gibMonthUsd;

export const snapshotsMeanwhile = (disks: readonly Disk[], seconds: number): Cost => ({
  what: 'snapshots meanwhile',
  usd: stored(
    sum(disks, ({ writtenBytes }) => writtenBytes),
    seconds,
    PRICES.snapshotGibMonth.value,
  ),
});

export const repositoryReads = (disks: readonly Disk[]): Cost => ({
  what: 'reads of the repository',
  usd:
    (sum(disks, ({ writtenBytes }) => writtenBytes) / MIB / SPEEDS.compression.value / SPEEDS.readMib.value) *
    PRICES.s3Get.value,
});

export function transitions(disks: readonly Disk[], batches: number, seconds: number): Cost {
  const ofDisk = SPEEDS.transitionsOfDisk.value + (seconds / 60) * SPEEDS.transitionsOfMinute.value;
  const count =
    SPEEDS.transitionsOfRestore.value + disks.length * ofDisk + batches * SPEEDS.transitionsOfBatch.value;
  return { what: 'Step Functions', usd: count * PRICES.stateTransition.value };
}

export const initialization = (disks: readonly Disk[]): Cost => ({
  what: 'initialization at the provisioned rate',
  usd: sum(
    disks,
    ({ writtenBytes, initializationMibps = 0 }) =>
      (writtenBytes / GIB) * PRICES.initializationGib.value * (initializationMibps / 300),
  ),
});
