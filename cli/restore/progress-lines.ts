import type { LedgerEntry } from '../../core/model/restore-record.ts';
import type { ProgressLine } from '../progress/bar.ts';
import { makeRateMeter, type RateMeter } from '../progress/rate.ts';
import { directDiskLine } from './direct-lines.ts';
import { helperDiskLine, helperLine } from './helper-lines.ts';
import { importedDiskLine } from './import-lines.ts';
import type { Observation } from './observe.ts';

/**
 * What a restore looks like: one line per disk in the order of the plan, one for the helper appliance where there is
 * one, and one for the machine.
 */
export function progressLines(observation: Observation): ProgressLine[] {
  const { plan, execution, state } = observation;
  const machine: ProgressLine = { label: 'machine', phase: machinePhase(observation), note: state };
  if (execution.status !== 'RUNNING') return [{ ...machine, note: undefined }];
  const strategy = plan?.strategy.name ?? 'upload';
  const usesHelper = strategy === 'helper';
  const diskLine = DISK_LINES[strategy];
  const disks = (plan?.disks ?? []).map(
    ({ id, size }) => importedDiskLine(observation, { id }) ?? diskLine(observation, { id, size }),
  );
  return [...disks, ...(usesHelper ? [helperLine(observation)] : []), machine];
}

const DISK_LINES = { upload: uploadDiskLine, helper: helperDiskLine, direct: directDiskLine } as const;

function uploadDiskLine(
  { entries, uploadedBytes, imports }: Observation,
  { id, size }: { id: string; size: number },
): ProgressLine {
  const entry = (kind: LedgerEntry['kind']) => entries.find((each) => each.kind === kind && each.name === id);
  const attachment = entry('attachment');
  if (attachment !== undefined) {
    return { label: id, phase: attachment.readyAt ? 'attached' : 'attach volume' };
  }
  const volume = entry('volume');
  if (volume !== undefined) return { label: id, phase: volume.readyAt ? 'volume ready' : 'create volume' };
  const task = entry('import-task');
  if (task !== undefined) {
    if (task.readyAt) return { label: id, phase: 'imported' };
    const progress = imports.get(id);
    const fraction = progress?.percent === undefined ? undefined : progress.percent / 100;
    return { label: id, phase: 'import as snapshot', fraction, note: progress?.message };
  }
  const upload = entry('upload');
  if (upload === undefined) return { label: id, phase: 'waiting' };
  const doneBytes = upload.readyAt ? size : (uploadedBytes.get(id) ?? 0);
  return { label: id, phase: upload.readyAt ? 'uploaded' : 'upload as RAW', doneBytes, totalBytes: size };
}

function machinePhase({ execution, plan, entries }: Observation): string {
  switch (execution.status) {
    case 'SUCCEEDED':
      return 'restored';
    case 'FAILED':
      return 'failed';
    case 'TIMED_OUT':
      return 'timed out';
    case 'ABORTED':
      return 'cancelled';
    case 'RUNNING':
  }
  if (plan === undefined) return 'plan';
  if (plan.target.restoreTo === 'volumes') {
    return entries.some(({ kind, handedOverAt }) => kind === 'volume' && handedOverAt)
      ? 'finish'
      : 'bring in disks';
  }
  const wanted = plan.target.restoreTo === 'original' ? 'original' : 'instance';
  const target = entries.find(({ kind, name }) => kind === wanted && name === 'target');
  if (target === undefined) return 'bring in disks';
  if (target.removedAt) return 'clean up';
  if (target.handedOverAt) return plan.target.powerOn ? 'start and check' : 'finish';
  const isAttaching = plan.disks.some(({ id }) =>
    entries.some(({ kind, name }) => kind === 'attachment' && name === id),
  );
  if (isAttaching) return 'attach disks';
  if (plan.target.restoreTo === 'original') return originalPhase(entries);
  // The last that is done to the target before its disks come.
  const isStopped = entries.some(({ kind, name }) => kind === 'volume' && name === 'placeholder-root');
  return isStopped ? 'wait for disks' : 'launch and stop';
}

/** Up to its new disks. */
function originalPhase(entries: readonly LedgerEntry[]): string {
  if (entries.some(({ kind }) => kind === 'detachment')) return 'detach old disks';
  return entries.some(({ kind }) => kind === 'stop') ? 'stop' : 'runs on, until the disks are there';
}

/**
 * Adds speed and time left to lines that count bytes, from what they were before. Not for what a helper reports: it
 * measures its speed itself, and seen from here it would seem to move at its heartbeats only.
 */
export function makeRateAdder(): (lines: readonly ProgressLine[], seconds: number) => ProgressLine[] {
  const meters = new Map<string, RateMeter>();
  return (lines, seconds) =>
    lines.map((line) => {
      const { label, doneBytes, totalBytes } = line;
      if (doneBytes === undefined || totalBytes === undefined || doneBytes >= totalBytes) return line;
      const meter = meters.get(label) ?? makeRateMeter();
      meters.set(label, meter);
      return { ...line, ...meter.note({ seconds, doneBytes, totalBytes }) };
    });
}
