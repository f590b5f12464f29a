import type { Conversion, PlannedStrategy } from '../../../core/model/plan.ts';
import type { Findings } from './findings.ts';

/**
 * Holds what a strategy would hand to VM Import against what that takes. Strategy upload hands over objects, which are
 * encrypted on import; the others snapshots, and whether ImportImage takes encrypted ones AWS does not say anywhere.
 */
export function checkImportSources(
  strategy: PlannedStrategy['name'],
  { conversion, findings }: { conversion: Conversion | undefined; findings: Findings },
): void {
  if (conversion?.kind !== 'import-image' || strategy === 'upload' || !conversion.encrypted) return;
  findings.error(
    'strategy',
    strategy,
    'disks will be encrypted, and AWS does not say that VM Import takes encrypted snapshots',
    'Use strategy upload, whose import encrypts the disks',
  );
}
