import { type LedgerEntry, TAG, TEMPORARY_ROLES } from '../../../core/model/restore-record.ts';
import { NotVisible, nameAwsError } from '../../runtime/aws-errors.ts';
import type { Which } from '../../runtime/describe.ts';
import { entryFilters, type RestoreContext } from '../../runtime/ledger.ts';

export interface Removing {
  readonly context: RestoreContext;
  readonly entry: LedgerEntry;
  /** The whole ledger, as it was when this pass began. */
  readonly entries: readonly LedgerEntry[];
  /** Seconds that clean-up has waited so far. */
  readonly waitedSeconds: number;
}

export type Removal =
  /** It is gone, or was never made. */
  | { readonly outcome: 'gone'; readonly resourceId?: string }
  /** Its end is under way, or has to wait for something; look again later. `asked`: AWS has accepted to remove it. */
  | { readonly outcome: 'going'; readonly asked?: true }
  /** It must not be removed. */
  | { readonly outcome: 'kept'; readonly because: string };

export const gone: Removal = { outcome: 'gone' };
export const going: Removal = { outcome: 'going' };
export const asked: Removal = { outcome: 'going', asked: true };

// EC2's own word for how long its answers may lag behind is "a few minutes" (EC2 API developer guide).
const SETTLED_SECONDS = 300;

/** Whether AWS may still show something else than there is, because the thing is so new. */
const isFresh = ({ entry, waitedSeconds }: Removing): boolean =>
  Date.now() - Date.parse(entry.triedAt) < SETTLED_SECONDS * 1000 && waitedSeconds < SETTLED_SECONDS;

interface AnyTag {
  readonly Key?: string;
  readonly Value?: string;
}

/**
 * Whether a thing that the ledger names must stay all the same, because its tags no longer call it temporary:
 * undefined when it may go. The ledger proves that we made it, the tag that nobody has declared it theirs since.
 */
export function whyNot(tags: readonly AnyTag[] | undefined, removing: Removing): Removal | undefined {
  const { context } = removing;
  const tagValue = (key: string): string | undefined => tags?.find(({ Key }) => Key === key)?.Value;
  const role = tagValue(TAG.role);
  const isTemporary = TEMPORARY_ROLES.some((each) => each === role);
  if (tagValue(TAG.restore) === context.restoreId && isTemporary) return undefined;
  if (role === undefined && isFresh(removing)) return going;
  if (!isTemporary) return kept(`its tag ${TAG.role} is ${role ?? 'missing'}, not temporary`);
  return kept(`its tag ${TAG.restore} is not ${context.restoreId}`);
}

export const kept = (because: string): Removal => ({ outcome: 'kept', because });

/**
 * What to make of a thing that AWS does not find: gone, when it was seen before or asked to go; else it may only be
 * too new to be seen, or a step that is still under way may be making it.
 */
export function notFound(removing: Removing): Removal {
  const { entry } = removing;
  const wasThere = entry.readyAt !== undefined || entry.removalAskedAt !== undefined;
  return wasThere || !isFresh(removing) ? gone : going;
}

interface RemoverOptions<Thing> {
  readonly describe: (which: Which) => Promise<Thing | undefined>;
  readonly idOf: (thing: Thing) => string | undefined;
  /** Whether what is still shown is only a memory of it. */
  readonly isGone?: (thing: Thing) => boolean;
  /** Takes the next step towards its end. An error that it is not found any more means that it is gone. */
  readonly remove: (thing: Thing, id: string, removing: Removing) => Promise<Removal>;
}

/** Removes one kind of thing: found by its id or its entry's tags, kept when its tags say so. */
export function makeRemover<Thing extends { Tags?: AnyTag[] }>(
  options: RemoverOptions<Thing>,
): (removing: Removing) => Promise<Removal> {
  return async (removing) => {
    const { context, entry } = removing;
    const thing = await options.describe(
      entry.resourceId === undefined ? { filters: entryFilters(context, entry) } : { id: entry.resourceId },
    );
    const id = thing && options.idOf(thing);
    if (!thing || id === undefined) return notFound(removing);
    if (options.isGone?.(thing)) return { outcome: 'gone', resourceId: id };
    const stays = whyNot(thing.Tags, removing);
    if (stays) return stays;
    try {
      return await options.remove(thing, id, removing);
    } catch (error) {
      if (nameAwsError(error) instanceof NotVisible) return { outcome: 'gone', resourceId: id };
      throw error;
    }
  };
}
