import type { Plan, PlannedDisk } from '../../../core/model/plan.ts';
import { type EntryName, type RestoreContext, resourceOf } from '../../runtime/ledger.ts';
import { writtenName } from '../import-image/planned.ts';

export interface DiskVolume {
  readonly disk: PlannedDisk;
  readonly volumeId: string;
}

/** The volume that the helper writes each disk to, in the plan's order. @throws RecordInvalid when one was not made yet */
export function writtenVolumes(context: RestoreContext, plan: Plan): Promise<DiskVolume[]> {
  return Promise.all(
    plan.disks.map(async (disk) => ({
      disk,
      volumeId: await resourceOf(context, writtenVolume(plan, disk.id)),
    })),
  );
}

/** Its entry in the ledger: the disk's own volume, but for a disk that goes into an import. */
export const writtenVolume = (plan: Plan, diskId: string): EntryName => ({
  kind: 'volume',
  name: writtenName(plan, diskId),
});

/**
 * What to add where a volume, or its attachment, came to nothing: EC2 makes it first and asks for the key afterwards,
 * and this is all that a refused key looks like.
 */
export const aboutKey = ({ encrypted, kmsKeyId }: PlannedDisk): string =>
  encrypted ? `; EC2 may have been refused its key ${kmsKeyId ?? '(the account’s default for EBS)'}` : '';

/** The thing that is furthest from where all are to be: `worst` lists its statuses, the worst first. */
export function furthest<T extends { readonly status: string }>(
  things: readonly T[],
  worst: readonly string[],
): T | undefined {
  const rank = ({ status }: T): number => {
    const index = worst.indexOf(status);
    // A status that nobody knows comes before all others: it ends the wait.
    return index < 0 ? -1 : index;
  };
  return [...things].sort((a, b) => rank(a) - rank(b))[0];
}
