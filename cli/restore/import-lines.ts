import { IMPORTED, importSourceName, type LedgerKind } from '../../core/model/restore-record.ts';
import type { ProgressLine } from '../progress/bar.ts';
import type { Observation } from './observe.ts';

/**
 * A disk of a machine that VM Import makes bootable, from when it is handed over to that; undefined before, and for what
 * becomes a volume without.
 */
export function importedDiskLine(
  { plan, entries, imports }: Observation,
  { id }: { id: string },
): ProgressLine | undefined {
  const conversion = plan?.conversion;
  if (conversion?.kind !== 'import-image' || !conversion.diskIds.some((diskId) => diskId === id))
    return undefined;
  const entry = (kind: LedgerKind, name: string) =>
    entries.find((each) => each.kind === kind && each.name === name);
  const line = (phase: string, facts: Partial<ProgressLine> = {}) => ({ label: id, phase, ...facts });
  const attachment = entry('attachment', id);
  if (attachment !== undefined) return line(attachment.readyAt ? 'attached' : 'attach volume');
  const volume = entry('volume', id);
  if (volume !== undefined) return line(volume.readyAt ? 'volume ready' : 'create volume');
  const task = entry('image-import-task', IMPORTED);
  if (task?.readyAt) return line('imported');
  if (task !== undefined) {
    const { percent, message } = imports.get(IMPORTED) ?? {};
    const fraction = percent === undefined ? undefined : percent / 100;
    return line('import as image', { fraction, note: message });
  }
  const snapshot = entry('snapshot', importSourceName(id));
  // With strategy direct it is written first, and told of as for any other disk.
  if (snapshot === undefined || plan?.strategy.name !== 'helper') return undefined;
  return line(snapshot.readyAt ? 'snapshot ready' : 'snapshot');
}
