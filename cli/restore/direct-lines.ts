import type { LedgerKind } from '../../core/model/restore-record.ts';
import type { ProgressLine } from '../progress/bar.ts';
import type { Observation } from './observe.ts';
import { directSnapshot } from './observe-direct.ts';

/** A disk that is written straight into a snapshot. */
export function directDiskLine(
  { entries, written }: Observation,
  { id, size }: { id: string; size: number },
): ProgressLine {
  const entry = (kind: LedgerKind) => entries.find((each) => each.kind === kind && each.name === id);
  const line = (phase: string, facts: Partial<ProgressLine> = {}) => ({ label: id, phase, ...facts });
  const attachment = entry('attachment');
  if (attachment !== undefined) return line(attachment.readyAt ? 'attached' : 'attach volume');
  const volume = entry('volume');
  if (volume !== undefined) return line(volume.readyAt ? 'volume ready' : 'create volume');
  const snapshot = directSnapshot(entries, id);
  if (snapshot === undefined) return line('waiting');
  if (snapshot.readyAt) return line('snapshot ready');
  const { doneBytes, writtenBytes } = written?.get(id) ?? { doneBytes: 0, writtenBytes: 0 };
  const phase = doneBytes < size ? 'write snapshot' : 'complete snapshot';
  return line(phase, { doneBytes, totalBytes: size, writtenBytes });
}
