import type { LedgerEntry, LedgerKind } from '../../core/model/restore-record.ts';
import { amendEntry, type RestoreContext, readLedger, restoreContextSchema } from '../runtime/ledger.ts';
import { nextPoll, pollSchema } from '../runtime/poll.ts';
import { makeStep } from '../runtime/step.ts';
import { removeBucket } from './clean-up/bucket.ts';
import { removeImage } from './clean-up/image.ts';
import { removeImportTask } from './clean-up/import-task.ts';
import { removeInstance } from './clean-up/instance.ts';
import type { Removal, Removing } from './clean-up/removal.ts';
import { removeSecurityGroup } from './clean-up/security-group.ts';
import { removeSnapshot } from './clean-up/snapshot.ts';
import { removeVolume } from './clean-up/volume.ts';

const inputSchema = restoreContextSchema.extend({ poll: pollSchema });

/** How each kind is removed; uploads and attachments end with their bucket and instance. */
const REMOVERS: Readonly<Partial<Record<LedgerKind, (removing: Removing) => Promise<Removal>>>> = {
  'import-task': removeImportTask,
  instance: removeInstance,
  volume: removeVolume,
  image: removeImage,
  snapshot: removeSnapshot,
  'security-group': removeSecurityGroup,
  bucket: removeBucket,
};

/** What must be gone before a kind can go: removed in this order, each pass doing what can be done by then. */
const ORDER: readonly LedgerKind[] = [
  'import-task',
  'instance',
  'volume',
  'image',
  'snapshot',
  'security-group',
  'bucket',
];
const WAITS_FOR: Readonly<Partial<Record<LedgerKind, readonly LedgerKind[]>>> = {
  volume: ['instance'],
  snapshot: ['image', 'import-task'],
  'security-group': ['instance'],
  bucket: ['import-task'],
};

/**
 * One pass of clean-up: for everything of the ledger that is not a result and not gone, takes the next step
 * towards its end. Run again and again until the status is `removed`; what may not be removed is kept, with the
 * reason in the ledger.
 */
export const handler = makeStep(inputSchema, async ({ poll, ...context }) => {
  const entries = await readLedger(context);
  const left = new Map<LedgerKind, number>();
  const waiting: string[] = [];
  for (const kind of ORDER) {
    const blockers = WAITS_FOR[kind] ?? [];
    const blocked = blockers.some((blocker) => (left.get(blocker) ?? 0) > 0);
    const open = entries.filter((entry) => entry.kind === kind && isOpen(entry));
    const undone = blocked ? open.map(describe) : await removeAll(open, { context, entries });
    if (undone.length > 0) left.set(kind, undone.length);
    waiting.push(...undone);
  }
  return {
    ...context,
    status: waiting.length === 0 ? 'removed' : 'removing',
    message:
      waiting.length === 0 ? 'nothing temporary is left' : `still to go: ${waiting.slice(0, 10).join(', ')}`,
    poll: nextPoll(poll),
  };
});

const isOpen = ({ handedOverAt, removedAt, keptBecause }: LedgerEntry): boolean =>
  handedOverAt === undefined && removedAt === undefined && keptBecause === undefined;

const describe = ({ kind, name, resourceId }: LedgerEntry): string => `${kind} ${resourceId ?? name}`;

/** Takes the next step for each; returns those that are not gone yet. */
async function removeAll(
  open: readonly LedgerEntry[],
  { context, entries }: { context: RestoreContext; entries: readonly LedgerEntry[] },
): Promise<string[]> {
  const undone: string[] = [];
  for (const entry of open) {
    const removal = await REMOVERS[entry.kind]?.({ context, entry, entries });
    switch (removal?.outcome) {
      case 'gone':
        await amendEntry(context, entry, {
          removedAt: new Date().toISOString(),
          ...(removal.resourceId === undefined ? {} : { resourceId: removal.resourceId }),
        });
        break;
      case 'kept':
        await amendEntry(context, entry, { keptBecause: removal.because });
        break;
      default:
        undone.push(describe(entry));
    }
  }
  return undone;
}
