import { z } from 'zod';

const seconds = z.number().nonnegative();

/** What one way of restoring is expected to take and to cost, by the model in `cost-model.ts`. */
export const estimateSchema = z.strictObject({
  /** From the start of the restore until the target may be started with all its disks. */
  bootableSeconds: seconds,
  /** From the start of the restore until every volume gives what it is made for. */
  fullSpeedSeconds: seconds,
  /**
   * Where the second time comes from: volumes that began empty are `ready`; those made of a snapshot are filled at the
   * `provisioned` rate, or at a rate that AWS does not name and that is only `assumed`.
   */
  fullSpeed: z.enum(['ready', 'provisioned', 'assumed']),
  costUsd: z.number().nonnegative(),
  /** What the cost is made of. */
  costs: z.array(z.strictObject({ what: z.string(), usd: z.number().nonnegative() })),
  /** What follows one another until it is bootable. */
  phases: z.array(z.strictObject({ what: z.string(), seconds })),
});
export type Estimate = z.infer<typeof estimateSchema>;

/** A duration as nobody knows it more exactly: `under a minute`, `12 min`, `2 h 50 min`, `6.2 days`. */
export function tellDuration(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  if (minutes < 1) return 'under a minute';
  if (minutes < 60) return `${minutes} min`;
  if (minutes >= 48 * 60) return `${(minutes / 1_440).toFixed(1)} days`;
  const rest = String(minutes % 60).padStart(2, '0');
  return `${Math.floor(minutes / 60)} h ${rest} min`;
}

/** An amount of money: `under $0.01`, `$0.33`, `$1,045`. */
export function tellUsd(usd: number): string {
  if (usd < 0.005) return 'under $0.01';
  return usd < 100 ? `$${usd.toFixed(2)}` : `$${Math.round(usd).toLocaleString('en-US')}`;
}

/** What is expected, in half a sentence. The times are AWS's, wherever the restore is rehearsed. */
export function tellEstimate({
  bootableSeconds,
  fullSpeedSeconds,
  costUsd,
}: Pick<Estimate, 'bootableSeconds' | 'fullSpeedSeconds' | 'costUsd'>): string {
  const bootable = tellDuration(bootableSeconds);
  const full = tellDuration(fullSpeedSeconds);
  const later = full === bootable ? '' : ` (at full speed after ${full})`;
  return `on AWS bootable after about ${bootable}${later}, for about ${tellUsd(costUsd)}`;
}
