import type { Conversion, Plan } from '../../../core/model/plan.ts';
import { importSourceName } from '../../../core/model/restore-record.ts';
import { RecordInvalid } from '../../runtime/control-bucket.ts';

export type PlannedImport = Extract<Conversion, { kind: 'import-image' }>;

/** What the plan says of the import as image. @throws RecordInvalid when there is none */
export function plannedImport({ restoreId, conversion }: Plan): PlannedImport {
  if (conversion.kind === 'import-image') return conversion;
  throw new RecordInvalid(`restore ${restoreId} imports no image`);
}

/**
 * Ledger name of the volume or snapshot that a strategy writes a disk to: what goes into the import is not the disk's
 * own volume or snapshot yet.
 */
export function writtenName({ conversion }: Plan, diskId: string): string {
  const isImported = conversion.kind === 'import-image' && conversion.diskIds.some((id) => id === diskId);
  return isImported ? importSourceName(diskId) : diskId;
}
