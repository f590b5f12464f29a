import { SNAPSHOT_PUTS_PER_SECOND } from './limiter.ts';

/** Disks whose snapshots are written at the same time; as many as the Map over them has children at once. */
export const DISKS_AT_ONCE = 20;
/**
 * Lambdas that write one snapshot at its limit: 83 puts a second each, 42 of the 75 MiB/s that a Lambda has. 7 could do
 * it, with nothing to spare for one that is slow, or between two batches.
 */
const MOST_WORKERS = 12;
// A small disk beside a large one is not to be the last.
const LEAST_WORKERS = 4;

type Sized = { readonly size: number };

/**
 * How many Lambdas write a disk's snapshot at once. Where the account's budget is the limit, not the snapshot's, further ones
 * would only wait and cost: each disk gets them by its size, so that all are done at about the same time.
 */
export function workersFor(
  disk: Sized,
  { disks, accountPutsPerSecond }: { disks: readonly Sized[]; accountPutsPerSecond: number },
): number {
  const all = disks.reduce((sum, { size }) => sum + size, 0);
  const others = Math.min(DISKS_AT_ONCE, all / disk.size);
  const share = accountPutsPerSecond / others / SNAPSHOT_PUTS_PER_SECOND;
  return Math.min(MOST_WORKERS, Math.max(LEAST_WORKERS, Math.ceil(MOST_WORKERS * share)));
}

/** How many write at once in the whole restore. */
export function workersOfRestore(restore: { disks: readonly Sized[]; accountPutsPerSecond: number }): number {
  return restore.disks
    .map((disk) => workersFor(disk, restore))
    .sort((a, b) => b - a)
    .slice(0, DISKS_AT_ONCE)
    .reduce((sum, workers) => sum + workers, 0);
}

/** Puts a second of one worker, when all write and nobody else does. */
export function fairShare(
  disk: Sized,
  restore: { disks: readonly Sized[]; accountPutsPerSecond: number },
): number {
  return Math.min(
    SNAPSHOT_PUTS_PER_SECOND / workersFor(disk, restore),
    restore.accountPutsPerSecond / workersOfRestore(restore),
  );
}
