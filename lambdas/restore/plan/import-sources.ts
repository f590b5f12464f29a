import { GetEbsEncryptionByDefaultCommand } from '@aws-sdk/client-ec2';
import type { Conversion } from '../../../core/model/plan.ts';
import { ec2 } from '../../runtime/ec2.ts';
import type { Findings } from './findings.ts';

/**
 * Holds what a strategy would hand to VM Import against what that takes. Strategy upload hands over objects, which are
 * encrypted on import; the others snapshots, and whether ImportImage takes encrypted ones AWS does not say anywhere.
 */
export async function checkImportSources(
  strategy: 'upload' | 'helper' | 'direct',
  { conversion, findings }: { conversion: Conversion | undefined; findings: Findings },
): Promise<void> {
  if (conversion?.kind !== 'import-image' || strategy === 'upload') return;
  const why = conversion.encrypted ? 'disks are to be encrypted' : await accountEncrypts();
  if (why === undefined) return;
  findings.error(
    'strategy',
    strategy,
    `${why}, and AWS does not say that VM Import takes encrypted snapshots`,
    'Use strategy upload, whose import encrypts the disks',
  );
}

async function accountEncrypts(): Promise<string | undefined> {
  const { EbsEncryptionByDefault } = await ec2.send(new GetEbsEncryptionByDefaultCommand({}));
  return EbsEncryptionByDefault ? 'the account encrypts every new snapshot by default' : undefined;
}
