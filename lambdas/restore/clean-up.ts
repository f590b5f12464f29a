import { z } from 'zod';
import { LandfallError } from '../../core/model/errors.ts';
import type { LedgerEntry, LedgerKind } from '../../core/model/restore-record.ts';
import { nameAwsError, ServiceUnavailable, Throttled } from '../runtime/aws-errors.ts';
import { amendEntry, readLedger, restoreContextSchema } from '../runtime/ledger.ts';
import { nextPoll, pollSchema } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';
import { removeBucket } from './clean-up/bucket.ts';
import { removeImage } from './clean-up/image.ts';
import { removeImageImportTask } from './clean-up/image-import-task.ts';
import { removeImportTask } from './clean-up/import-task.ts';
import { removeInstance } from './clean-up/instance.ts';
import { removeOrder } from './clean-up/order.ts';
import { putOriginalBack } from './clean-up/original.ts';
import { going, kept, type Removal, type Removing } from './clean-up/removal.ts';
import { removeSecurityGroup } from './clean-up/security-group.ts';
import { removeSnapshot } from './clean-up/snapshot.ts';
import { removeVolume } from './clean-up/volume.ts';

const inputSchema = restoreContextSchema.extend({
  poll: pollSchema,
  /** `keep`: only the helpers go. What they wrote stays, and so does what they reported. */
  work: z.enum(['remove', 'keep']),
});

// Fresh tags take minutes to count; what is refused for longer is refused for good.
const REFUSAL_SECONDS = 900;

interface Stage {
  readonly kind: LedgerKind;
  readonly remove: (removing: Removing) => Promise<Removal>;
  /** Kinds that must be gone first. */
  readonly waitsFor: readonly LedgerKind[];
}

/** In this order, each pass doing what can be done by then. What ends with others (ENDS_WITH_OTHERS) has no stage. */
const STAGES: readonly Stage[] = [
  { kind: 'import-task', remove: removeImportTask, waitsFor: [] },
  { kind: 'image-import-task', remove: removeImageImportTask, waitsFor: [] },
  { kind: 'order', remove: removeOrder, waitsFor: [] },
  { kind: 'instance', remove: removeInstance, waitsFor: [] },
  { kind: 'original', remove: putOriginalBack, waitsFor: [] },
  { kind: 'volume', remove: removeVolume, waitsFor: ['instance', 'original'] },
  { kind: 'image', remove: removeImage, waitsFor: ['image-import-task'] },
  { kind: 'snapshot', remove: removeSnapshot, waitsFor: ['image', 'import-task', 'image-import-task'] },
  { kind: 'security-group', remove: removeSecurityGroup, waitsFor: ['instance'] },
  { kind: 'bucket', remove: removeBucket, waitsFor: ['import-task', 'image-import-task'] },
];

/**
 * One pass of clean-up: for everything of the ledger that is not a result and not gone, takes the next step
 * towards its end. Run again and again until the status is `removed`; what may not be removed is kept, with the
 * reason in the ledger.
 */
export const handler = makeStep(inputSchema, async ({ poll, work, ...context }) => {
  const entries = await readLedger(context);
  const isMeant = (entry: LedgerEntry): boolean => isOpen(entry) && (work === 'remove' || isOfHelper(entry));
  const waitedSeconds = poll.waitedSeconds;
  const left = new Set<LedgerKind>();
  const waiting: string[] = [];
  for (const stage of STAGES) {
    const open = entries.filter((entry) => entry.kind === stage.kind && isMeant(entry));
    const undone = stage.waitsFor.some((kind) => left.has(kind))
      ? open.map(describe)
      : await removeAll(stage, open, { context, entries, waitedSeconds });
    if (undone.length > 0) left.add(stage.kind);
    waiting.push(...undone);
  }
  return {
    ...context,
    work,
    status: waiting.length === 0 ? 'removed' : 'removing',
    message:
      waiting.length === 0 ? 'nothing temporary is left' : `still to go: ${waiting.slice(0, 10).join(', ')}`,
    poll: nextPoll(poll),
  };
});

const isOpen = ({ handedOverAt, removedAt, keptBecause }: LedgerEntry): boolean =>
  handedOverAt === undefined && removedAt === undefined && keptBecause === undefined;

/** What keeps a helper alive. */
const isOfHelper = ({ kind, step }: LedgerEntry): boolean =>
  kind === 'order' || (kind === 'instance' && step === 'launch-helper');

const describe = ({ kind, name, resourceId }: LedgerEntry): string => `${kind} ${resourceId ?? name}`;

/** Takes the next step for each; returns those that are not gone yet. */
async function removeAll(
  { remove }: Stage,
  open: readonly LedgerEntry[],
  pass: Omit<Removing, 'entry'>,
): Promise<string[]> {
  const undone: string[] = [];
  for (const entry of open) {
    const removal = await removeOne(remove, { ...pass, entry });
    const changes = changesOf(removal);
    if (changes) await amendEntry(pass.context, entry, changes);
    if (removal.outcome === 'going') undone.push(describe(entry));
  }
  return undone;
}

/** One thing that refuses to go must not keep the others: after a while it is kept, with AWS's reason. */
async function removeOne(remove: Stage['remove'], removing: Removing): Promise<Removal> {
  try {
    return await remove(removing);
  } catch (error) {
    const named = nameAwsError(error);
    if (!(named instanceof LandfallError)) throw error;
    // Throttling and outages pass, however late they come; only the loop's deadline ends the wait for that.
    if (named instanceof Throttled || named instanceof ServiceUnavailable) return going;
    return removing.waitedSeconds < REFUSAL_SECONDS ? going : kept(named.message);
  }
}

function changesOf(removal: Removal): Parameters<typeof amendEntry>[2] | undefined {
  const moment = new Date().toISOString();
  switch (removal.outcome) {
    case 'gone':
      return {
        removedAt: moment,
        ...(removal.resourceId === undefined ? {} : { resourceId: removal.resourceId }),
      };
    case 'kept':
      return { keptBecause: removal.because };
    case 'going':
      return removal.asked ? { removalAskedAt: moment } : undefined;
  }
}
