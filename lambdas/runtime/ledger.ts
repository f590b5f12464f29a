import { createHash } from 'node:crypto';
import { z } from 'zod';
import { LandfallError } from '../../core/model/errors.ts';
import { type Plan, planSchema } from '../../core/model/plan.ts';
import {
  type Claim,
  claimKey,
  claimSchema,
  type LedgerEntry,
  ledgerEntrySchema,
  ledgerKey,
  ledgerPrefix,
  planKey,
  TAG,
  type TemporaryRole,
} from '../../core/model/restore-record.ts';
import { isDefiniteRefusal, isMadeAlready, ServiceUnavailable } from './aws-errors.ts';
import {
  listRecords,
  RecordChanged,
  RecordInvalid,
  readRecord,
  type StoredRecord,
  writeRecord,
} from './control-bucket.ts';

/** Clean-up of this restore has begun: nothing more may be made for it. */
export class RestoreClosing extends LandfallError {
  override readonly name = 'RestoreClosing';
}

/** Which restore a step works for; part of every step's event. */
export const restoreContextSchema = z.object({
  restoreId: z.string().min(1),
  attempt: z.number().int().positive(),
});
export type RestoreContext = z.infer<typeof restoreContextSchema>;

/** Temporary things carry this many days of life; whatever outlives them may be swept. */
const EXPIRY_DAYS = 30;
const DAY_MS = 24 * 60 * 60 * 1000;

const now = (): string => new Date().toISOString();

/** The plan of an attempt. @throws RecordInvalid when it is missing. */
export async function readPlan({ restoreId, attempt }: RestoreContext): Promise<Plan> {
  const stored = await readRecord(planKey(restoreId, attempt), planSchema);
  if (!stored) throw new RecordInvalid(`restore ${restoreId}, attempt ${attempt} has no plan`);
  return stored.value;
}

/** One disk of the plan. @throws RecordInvalid when the plan has no such disk. */
export function plannedDisk(plan: Plan, diskId: string): Plan['disks'][number] {
  const disk = plan.disks.find(({ id }) => id === diskId);
  if (!disk) throw new RecordInvalid(`the plan of restore ${plan.restoreId} has no disk ${diskId}`);
  return disk;
}

export async function readClaim(restoreId: string): Promise<StoredRecord<Claim>> {
  const claim = await readRecord(claimKey(restoreId), claimSchema);
  if (!claim) throw new RecordInvalid(`restore ${restoreId} was never claimed`);
  return claim;
}

export type EntryName = Pick<LedgerEntry, 'kind' | 'name'>;

const entryTag = ({ attempt }: RestoreContext, { kind, name }: EntryName): string =>
  `${attempt}/${kind}/${name}`;

/**
 * Idempotency token for what an entry stands for: the same for every try of one attempt, another for the next
 * attempt, so that EC2 never answers with what an earlier attempt made and removed. 64 characters, EC2's limit.
 */
export function clientToken(context: RestoreContext, entry: EntryName): string {
  return createHash('sha256')
    .update(`${context.restoreId}/${entryTag(context, entry)}`)
    .digest('hex');
}

export interface Tag {
  Key: string;
  Value: string;
}

export interface TemporaryTagOptions {
  /** The entry's: every try must send the same tags, or EC2 refuses the token as used for another request. */
  readonly intendedAt: string;
  /** `helper`: part of a helper appliance, which steps that handle the target and its disks may not touch. */
  readonly role?: TemporaryRole;
}

/** Tags of a temporary thing: whose it is, which entry it belongs to, when it may be swept. */
export function temporaryTags(
  context: RestoreContext,
  entry: EntryName,
  { intendedAt, role = 'temporary' }: TemporaryTagOptions,
): Tag[] {
  return [
    { Key: TAG.restore, Value: context.restoreId },
    { Key: TAG.role, Value: role },
    { Key: TAG.entry, Value: entryTag(context, entry) },
    { Key: TAG.expires, Value: new Date(Date.parse(intendedAt) + EXPIRY_DAYS * DAY_MS).toISOString() },
  ];
}

/** Filters that find what an earlier try of this entry made. */
export function entryFilters(
  context: RestoreContext,
  entry: EntryName,
): { Name: string; Values: string[] }[] {
  return [
    { Name: `tag:${TAG.restore}`, Values: [context.restoreId] },
    { Name: `tag:${TAG.entry}`, Values: [entryTag(context, entry)] },
  ];
}

export async function readEntry(context: RestoreContext, entry: EntryName): Promise<LedgerEntry | undefined> {
  const stored = await readRecord(ledgerKey(context.restoreId, context.attempt, entry), ledgerEntrySchema);
  return stored?.value;
}

/** Every entry of an attempt's ledger. */
export async function readLedger(context: RestoreContext): Promise<LedgerEntry[]> {
  const entries: LedgerEntry[] = [];
  for await (const key of listRecords(ledgerPrefix(context.restoreId, context.attempt))) {
    const stored = await readRecord(key, ledgerEntrySchema);
    if (stored) entries.push(stored.value);
  }
  return entries;
}

/** The resource of an entry. @throws RecordInvalid when it was not made yet. */
export async function resourceOf(context: RestoreContext, entry: EntryName): Promise<string> {
  const resourceId = (await readEntry(context, entry))?.resourceId;
  if (resourceId === undefined) {
    throw new RecordInvalid(`the ledger of restore ${context.restoreId} has no ${entry.kind} ${entry.name}`);
  }
  return resourceId;
}

type Moments = Partial<
  Pick<
    LedgerEntry,
    | 'resourceId'
    | 'createdAt'
    | 'readyAt'
    | 'handedOverAt'
    | 'removalAskedAt'
    | 'removedAt'
    | 'keptBecause'
    | 'note'
  >
>;

/** Adds to an entry. Two steps may do so at once (a late one and clean-up): the loser reads again. */
export async function amendEntry(context: RestoreContext, entry: EntryName, moments: Moments): Promise<void> {
  const key = ledgerKey(context.restoreId, context.attempt, entry);
  for (let tries = 1; ; tries += 1) {
    const stored = await readRecord(key, ledgerEntrySchema);
    if (!stored) throw new RecordInvalid(`${key} is missing`);
    try {
      return await writeRecord(key, { ...stored.value, ...moments }, { replaces: stored.etag });
    } catch (error) {
      if (!(error instanceof RecordChanged) || tries >= 5) throw error;
    }
  }
}

/**
 * Notes that what an entry stands for was seen in the state it was made for; the first time counts. What was not made
 * by the restore, as an original instance and its volumes, has no such entry, and nothing is noted.
 */
export async function markReady(context: RestoreContext, entry: EntryName): Promise<void> {
  const stored = await readEntry(context, entry);
  if (stored && stored.readyAt === undefined) await amendEntry(context, entry, { readyAt: now() });
}

export interface Identity {
  readonly clientToken: string;
  readonly tags: Tag[];
  readonly intendedAt: string;
}

export interface Making {
  readonly context: RestoreContext;
  readonly entry: EntryName;
  readonly diskId?: string;
  readonly step: string;
  /** What it is tagged as; `temporary` when absent. */
  readonly role?: TemporaryRole;
  /** Looks for what an earlier try made, where the API takes no idempotency token; undefined when there is none. */
  readonly find?: () => Promise<string | undefined>;
  /**
   * Makes it and returns its id. Called again after a lost answer: it passes the token on, or it calls through a
   * client that does not try again by itself (ec2Once), so that `find` is asked before every try.
   */
  readonly create: (identity: Identity) => Promise<string>;
}

/**
 * Makes a thing once, however often the step runs: writes the intent first, then makes it, then writes what was
 * made, so that clean-up can find it whatever happened in between.
 * @throws RestoreClosing when clean-up has begun
 */
export async function makeOnce(making: Making): Promise<string> {
  const { context, entry, diskId, step, find } = making;
  const key = ledgerKey(context.restoreId, context.attempt, entry);
  const stored = await readRecord(key, ledgerEntrySchema);
  if (stored?.value.resourceId !== undefined && stored.value.removedAt === undefined) {
    return stored.value.resourceId;
  }
  const claim = (await readClaim(context.restoreId)).value;
  const intent: LedgerEntry = {
    ...entry,
    ...(diskId === undefined ? {} : { diskId }),
    step,
    executionArn: claim.executionArn,
    intendedAt: stored?.value.intendedAt ?? now(),
    triedAt: now(),
    ...(stored?.value.note === undefined ? {} : { note: stored.value.note }),
  };
  await writeRecord(key, intent, { replaces: stored?.etag ?? 'nothing' });
  await refuseWhenClosing(context, entry);
  const resourceId = (stored && (await find?.())) ?? (await createOrSettle(making, intent.intendedAt));
  await amendEntry(context, entry, { resourceId, createdAt: now() });
  return resourceId;
}

/** Read after the intent is written: clean-up, which closes the restore first, sees either the intent or no creation. */
async function refuseWhenClosing(context: RestoreContext, entry: EntryName): Promise<void> {
  const claim = (await readClaim(context.restoreId)).value;
  if (claim.state === 'open' && claim.attempt === context.attempt) return;
  await amendEntry(context, entry, { removedAt: now() });
  throw new RestoreClosing(`restore ${context.restoreId}, attempt ${context.attempt} is being cleaned up`);
}

async function createOrSettle(
  { context, entry, role = 'temporary', find, create }: Making,
  intendedAt: string,
): Promise<string> {
  try {
    return await create({
      clientToken: clientToken(context, entry),
      tags: temporaryTags(context, entry, { intendedAt, role }),
      intendedAt,
    });
  } catch (error) {
    if (isMadeAlready(error)) {
      const found = await find?.();
      if (found !== undefined) return found;
      throw new ServiceUnavailable(
        `${entry.kind} ${entry.name} was made by an earlier try, and is not visible yet`,
      );
    }
    // A definite no leaves nothing behind: the intent is settled, clean-up need not look for it.
    if (isDefiniteRefusal(error)) await amendEntry(context, entry, { removedAt: now() });
    throw error;
  }
}

/**
 * Enters a thing in the ledger that AWS made on its own (an import's snapshot), and tags it as ours. Unlike
 * makeOnce it works while clean-up is under way.
 */
export async function makeTagged(
  context: RestoreContext,
  entry: EntryName,
  made: { resourceId: string; diskId?: string; step: string; tag: (tags: Tag[]) => Promise<void> },
): Promise<void> {
  const { resourceId, diskId, step, tag } = made;
  const moment = now();
  const claim = (await readClaim(context.restoreId)).value;
  const entered: LedgerEntry = {
    ...entry,
    ...(diskId === undefined ? {} : { diskId }),
    step,
    executionArn: claim.executionArn,
    intendedAt: moment,
    triedAt: moment,
    resourceId,
    createdAt: moment,
    readyAt: moment,
  };
  await tag(temporaryTags(context, entry, { intendedAt: moment }));
  const key = ledgerKey(context.restoreId, context.attempt, entry);
  const stored = await readRecord(key, ledgerEntrySchema);
  if (stored?.value.resourceId === undefined) {
    await writeRecord(key, entered, { replaces: stored?.etag ?? 'nothing' });
  }
}
