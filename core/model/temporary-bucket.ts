import { createHash } from 'node:crypto';

// Amazon S3 User Guide, "Namespaces for general purpose buckets": every other Region has account-regional names.
const GLOBAL_NAMES_ONLY = new Set(['me-south-1', 'me-central-1']);

export const hasAccountRegionalNames = (region: string): boolean => !GLOBAL_NAMES_ONLY.has(region);

/**
 * Name of a restore's temporary bucket, in the account-regional namespace, where nobody else can take it, and whose
 * names must end in account, Region and `-an`; elsewhere such an end is forbidden. It differs from attempt to
 * attempt: the name of a deleted bucket is not free at once.
 */
export function temporaryBucketName(
  { restoreId, attempt }: { restoreId: string; attempt: number },
  { accountId, region }: { accountId: string; region: string },
): string {
  const hash = createHash('sha256').update(`${restoreId}/${attempt}`).digest('hex').slice(0, 16);
  return `landfall-${hash}-${accountId}-${region}${hasAccountRegionalNames(region) ? '-an' : ''}`;
}

/** What all those names have in common, in the form of an IAM resource. */
export const temporaryBucketPattern = ({
  accountId,
  region,
}: {
  accountId: string;
  region: string;
}): string => `landfall-????????????????-${accountId}-${region}*`;
