import type { DiskReport, HelperReport } from '../../core/model/helper.ts';
import type { Plan } from '../../core/model/plan.ts';
import type { LedgerEntry, RestoreResult } from '../../core/model/restore-record.ts';
import { renderTable } from '../table.ts';
import { formatBytes, formatRate } from '../units.ts';
import { helperEntries } from './observe-helper.ts';

export interface HelperStory {
  readonly plan?: Plan;
  readonly entries: readonly LedgerEntry[];
  readonly result?: RestoreResult;
  /** What the newest helper has reported last. */
  readonly helperReport?: HelperReport;
}

/** The instance type, why this one, and what is tried where EC2 has no room for it. */
export function helperFacts(strategy: Plan['strategy'] | undefined): [string, string | undefined][] {
  if (strategy?.name !== 'helper') return [];
  const [first, ...others] = strategy.instanceTypes;
  return [
    ['helper', `${first}: ${strategy.instanceTypeReason}`],
    ['  else', others.join(', ')],
  ];
}

/** Which helpers there were, and what they did with each disk. */
export function helperLines({ entries, result, helperReport }: HelperStory): string[] {
  const ids = result?.helper?.instanceIds ?? instanceIds(entries);
  const disks = result?.helper?.disks ?? helperReport?.disks ?? [];
  return [
    ...ids.map((id, index) => {
      const next = ids[index + 1];
      const isRemoved = result?.cleanedUp.some(({ resourceId }) => resourceId === id);
      return `helper ${id}${next ? `, lost and replaced by ${next}` : ''}${isRemoved ? ', removed' : ''}`;
    }),
    ...(disks.length > 0 ? diskTable(disks) : []),
  ];
}

const instanceIds = (entries: readonly LedgerEntry[]): string[] =>
  helperEntries(entries).flatMap(({ entry }) => entry.resourceId ?? []);

/** The digest is cut: the whole one is in the JSON. */
const DIGEST_CHARACTERS = 16;

function diskTable(disks: readonly DiskReport[]): string[] {
  const rows = disks.map((disk) => [
    disk.id,
    stateOf(disk),
    formatBytes(disk.writtenBytes),
    disk.bytesPerSecond > 0 ? formatRate(disk.bytesPerSecond) : '',
    formatBytes(disk.readBackBytes),
    disk.diskDigest === undefined ? '' : `${disk.diskDigest.slice(0, DIGEST_CHARACTERS)}…`,
  ]);
  return renderTable(['DISK', 'STATE', 'WRITTEN', 'SPEED', 'READ BACK', 'DIGEST'], rows);
}

function stateOf({ state, doneBytes, diskBytes, resumedBytes }: DiskReport): string {
  const resumed = resumedBytes > 0 ? `, ${formatBytes(resumedBytes)} found done` : '';
  if (state === 'writing')
    return `${state}, ${formatBytes(doneBytes)} of ${formatBytes(diskBytes)}${resumed}`;
  return `${state}${resumed}`;
}
