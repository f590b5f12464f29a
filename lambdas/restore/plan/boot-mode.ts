import type { ConversionFacts } from './conversion.ts';

/**
 * Holds the boot mode that the request names against the machine, whose manifest has it by now. Whether an image that is
 * there has it is looked at where one is chosen; a temporary one is registered with it.
 */
export function checkBootMode({ manifest, request, findings }: ConversionFacts): void {
  const asked = request.target.bootMode;
  if (asked === undefined) return;
  const { architecture, tpmSupport } = manifest.workload;
  const field = 'target.bootMode';
  if (architecture === 'arm64' && asked !== 'uefi') {
    findings.error(field, asked, 'arm64 instances boot by uefi only', 'Leave it out, or give uefi');
  } else if (tpmSupport !== undefined && asked !== 'uefi') {
    findings.error(
      field,
      asked,
      `the machine has a TPM (${tpmSupport}), which needs uefi`,
      'Leave it out, or give uefi',
    );
  } else {
    findings.warning(
      field,
      asked,
      'whether the system on the disk can boot so is not looked at',
      'Leave it out to boot as at the source',
    );
  }
}
