import { type LedgerEntry, TAG } from '../../../core/model/restore-record.ts';
import type { RestoreContext } from '../../runtime/ledger.ts';

export interface Removing {
  readonly context: RestoreContext;
  readonly entry: LedgerEntry;
  /** The whole ledger, as it was when this pass began. */
  readonly entries: readonly LedgerEntry[];
}

export type Removal =
  /** It is gone, or was never made. */
  | { readonly outcome: 'gone'; readonly resourceId?: string }
  /** Its end is under way, or has to wait for something; look again later. */
  | { readonly outcome: 'going' }
  /** It must not be removed. */
  | { readonly outcome: 'kept'; readonly because: string };

export const gone: Removal = { outcome: 'gone' };
export const going: Removal = { outcome: 'going' };

interface AnyTag {
  readonly Key?: string;
  readonly Value?: string;
}

/**
 * Why a thing that the ledger names must stay all the same: its tags no longer call it temporary. Undefined when
 * it may go. The ledger proves that we made it, the tag that nobody has declared it theirs since.
 */
export function whyKept(
  tags: readonly AnyTag[] | undefined,
  { restoreId }: RestoreContext,
): string | undefined {
  const tagValue = (key: string): string | undefined => tags?.find(({ Key }) => Key === key)?.Value;
  if (tagValue(TAG.restore) !== restoreId) return `its tag ${TAG.restore} is not ${restoreId}`;
  const role = tagValue(TAG.role);
  return role === 'temporary' ? undefined : `its tag ${TAG.role} is ${role ?? 'missing'}, not temporary`;
}

export const kept = (because: string): Removal => ({ outcome: 'kept', because });

// A creating step runs for 60 s at most, and its retries see that the restore is closing.
const CREATION_GRACE_MS = 75_000;

/**
 * What to make of an intent whose outcome nobody wrote down, when nothing was found by its tags: a step that may
 * still be under way is waited for; after that, nothing was made.
 */
export function unansweredIntent({ intendedAt }: LedgerEntry): Removal {
  return Date.now() - Date.parse(intendedAt) < CREATION_GRACE_MS ? going : gone;
}
