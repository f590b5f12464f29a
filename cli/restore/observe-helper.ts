import type { HelperReport } from '../../core/model/helper.ts';
import type { Plan } from '../../core/model/plan.ts';
import type { LedgerEntry } from '../../core/model/restore-record.ts';
import type { RestoreRecords } from './records.ts';

/** What is known of a helper appliance at a moment. */
export interface ObservedHelper {
  /** 1; 2 is the one that replaces it. */
  readonly generation: number;
  readonly instanceId: string;
  /** What it has said last; absent before its first report, and where that cannot be read. */
  readonly report?: HelperReport;
  /** Why its report cannot be read. */
  readonly problem?: string;
  /** For how long it has said nothing new, as far as this process has seen. */
  readonly secondsSinceNews: number;
}

/** A helper's entry in the ledger; the instance's id is absent until it is launched. */
export interface HelperEntry {
  readonly generation: number;
  readonly entry: LedgerEntry;
}

/** The helpers of a restore, the newest last. */
export function helperEntries(entries: readonly LedgerEntry[]): HelperEntry[] {
  return entries
    .flatMap((entry) => {
      const generation = entry.kind === 'instance' && /^helper-(\d+)$/.exec(entry.name)?.[1];
      return generation ? [{ generation: Number(generation), entry }] : [];
    })
    .sort((a, b) => a.generation - b.generation);
}

interface Seen {
  readonly instanceId: string;
  readonly report?: HelperReport;
  /** When this report was new. */
  readonly atSeconds: number;
}

/**
 * Looks at the newest helper of a restore that has an id. It never throws: whoever may follow a restore need not be
 * allowed to read reports, and a report that makes no sense is the state machine's to judge.
 */
export function makeHelperObserver(
  records: Pick<RestoreRecords, 'helperReport'>,
  nowSeconds: () => number = () => performance.now() / 1000,
) {
  let seen: Seen | undefined;
  return async ({
    plan,
    entries,
  }: {
    plan: Plan;
    entries: readonly LedgerEntry[];
  }): Promise<ObservedHelper | undefined> => {
    if (plan.strategy.name !== 'helper') return undefined;
    const { roleId } = plan.strategy;
    const newest = helperEntries(entries).findLast(({ entry }) => entry.resourceId !== undefined);
    const instanceId = newest?.entry.resourceId;
    if (newest === undefined || instanceId === undefined) return undefined;
    if (seen?.instanceId !== instanceId) seen = { instanceId, atSeconds: nowSeconds() };
    let problem: string | undefined;
    try {
      const report = await records.helperReport({ roleId, instanceId });
      const isNews = report !== undefined && report.reportedAt !== seen.report?.reportedAt;
      if (isNews) seen = { instanceId, report, atSeconds: nowSeconds() };
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
    const { report, atSeconds } = seen;
    const { generation } = newest;
    return { generation, instanceId, report, problem, secondsSinceNews: nowSeconds() - atSeconds };
  };
}
