import type { DiskReport } from '../../core/model/helper.ts';
import { importSourceName, type LedgerEntry, type LedgerKind } from '../../core/model/restore-record.ts';
import type { ProgressLine } from '../progress/bar.ts';
import { formatBytes, formatDuration } from '../units.ts';
import type { Observation } from './observe.ts';
import { helperEntries, type ObservedHelper } from './observe-helper.ts';

/** So many heartbeats without a report are told: one may be late, and a follower looks every few seconds only. */
const QUIET_HEARTBEATS = 3;

/** A disk that a helper appliance writes. */
export function helperDiskLine(
  { entries, helper, plan }: Observation,
  { id, size }: { id: string; size: number },
): ProgressLine {
  const entry = (kind: LedgerKind, name: string) =>
    entries.find((each) => each.kind === kind && each.name === name);
  const line = (phase: string, facts: Partial<ProgressLine> = {}) => ({ label: id, phase, ...facts });
  const toTarget = entry('attachment', id);
  if (toTarget !== undefined) return line(toTarget.readyAt ? 'attached' : 'attach volume');
  const volume = entry('volume', id) ?? entry('volume', importSourceName(id));
  if (volume === undefined) return line('waiting');
  if (!volume.readyAt) return line('create volume');
  const generation = helperEntries(entries).at(-1)?.generation ?? 1;
  const toHelper = entry('attachment', `helper-${generation}.${id}`);
  if (toHelper === undefined) return line('volume ready');
  if (!toHelper.readyAt) return line('attach to helper');
  const report = helper?.generation === generation ? helper.report : undefined;
  const disk = report?.disks.find((each) => each.id === id);
  if (disk === undefined) return line('on helper');
  // What a quiet helper said last is no speed any more.
  const isLive = helper !== undefined && !isQuiet(helper);
  return { label: id, ...reportedPhase(disk, { size, isLive, readsAll: readsAllBack(plan) }) };
}

function reportedPhase(
  disk: DiskReport,
  { size, isLive, readsAll }: { size: number; isLive: boolean; readsAll: boolean },
): Omit<ProgressLine, 'label'> {
  const { doneBytes, writtenBytes, readBackBytes } = disk;
  switch (disk.state) {
    case 'waiting':
      return { phase: 'on helper' };
    case 'checking':
      return { phase: 'check if blank' };
    case 'writing': {
      const rate = isLive ? rateOf(disk) : {};
      return { phase: 'write', doneBytes, totalBytes: size, writtenBytes, ...rate };
    }
    case 'reading-back':
      return readsAll
        ? { phase: 'read back', doneBytes: readBackBytes, totalBytes: size, writtenBytes }
        : { phase: 'read back', writtenBytes, note: `${formatBytes(readBackBytes)} read back` };
    case 'done':
      return { phase: 'written', doneBytes: size, totalBytes: size, writtenBytes };
  }
}

/**
 * The speed is that of bytes written, and what is left is counted with its zeros, which take no time: nobody knows yet
 * how many they are. So this is the longest that it takes; a guess from the part that is done is wrong by any factor
 * where the zeros come first.
 */
function rateOf({ doneBytes, diskBytes, bytesPerSecond }: DiskReport): Partial<ProgressLine> {
  if (bytesPerSecond === 0) return {};
  return { bytesPerSecond, secondsLeft: (diskBytes - doneBytes) / bytesPerSecond };
}

const readsAllBack = (plan: Observation['plan']): boolean =>
  plan?.strategy.name === 'helper' && plan.strategy.readBack === 'all';

/** The helper appliance itself, beside disks and machine. */
export function helperLine({ entries, helper }: Observation): ProgressLine {
  const [newest, ...earlier] = helperEntries(entries).reverse();
  if (newest === undefined) return { label: 'helper', phase: 'waiting' };
  const { entry, generation } = newest;
  const observed = helper?.generation === generation ? helper : undefined;
  const phase = helperPhase(entry, observed);
  const replaced = earlier[0]?.entry.resourceId;
  const notes = [
    entry.resourceId,
    replaced && `replaces ${replaced}`,
    entry.removalAskedAt ? undefined : helperNote(observed),
  ].filter((note) => note !== undefined && note !== '');
  return {
    label: 'helper',
    phase,
    ...(phase === 'write disks' ? totalSpeed(observed) : {}),
    ...(notes.length > 0 ? { note: notes.join(', ') } : {}),
  };
}

function helperPhase(
  { readyAt, removalAskedAt, removedAt }: LedgerEntry,
  helper: ObservedHelper | undefined,
): string {
  if (removedAt) return 'removed';
  if (removalAskedAt) return 'remove';
  if (!readyAt) return 'launch';
  if (helper?.report === undefined) return 'start';
  if (isQuiet(helper)) return 'silent';
  switch (helper.report.state) {
    case 'ready':
      return 'ready';
    case 'working':
      return 'write disks';
    case 'done':
      return 'done';
    case 'failed':
      return 'failed';
  }
}

/** Nothing more is to be heard of one that has done its work, or failed. */
function isQuiet({ report, secondsSinceNews }: ObservedHelper): boolean {
  if (report === undefined || report.state === 'done' || report.state === 'failed') return false;
  return secondsSinceNews > QUIET_HEARTBEATS * report.heartbeatSeconds;
}

function helperNote(helper: ObservedHelper | undefined): string | undefined {
  if (helper === undefined) return undefined;
  const { report, problem, secondsSinceNews } = helper;
  if (problem !== undefined) return `its report cannot be read: ${firstLine(problem)}`;
  if (report?.error !== undefined) return `${report.error.name}: ${firstLine(report.error.message)}`;
  return isQuiet(helper) ? `no news for ${formatDuration(secondsSinceNews)}` : undefined;
}

/** A moving line is one line. */
const firstLine = (text: string): string => text.split('\n', 1)[0] ?? '';

function totalSpeed(helper: ObservedHelper | undefined): Pick<ProgressLine, 'bytesPerSecond'> {
  const writing = helper?.report?.disks.filter(({ state }) => state === 'writing') ?? [];
  const bytesPerSecond = writing.reduce((sum, disk) => sum + disk.bytesPerSecond, 0);
  return bytesPerSecond > 0 ? { bytesPerSecond } : {};
}
