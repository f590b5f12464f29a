import { DescribeKeyCommand } from '@aws-sdk/client-kms';
import type { PlannedDisk } from '../../../core/model/plan.ts';
import { AwsRefused, NotAuthorized, NotVisible, nameAwsError } from '../../runtime/aws-errors.ts';
import { kms } from '../../runtime/kms.ts';
import type { Findings } from './findings.ts';

const KEY_ARN = /^arn:[^:]+:kms:[^:]+:\d{12}:key\/.+$/;

/**
 * A disk with its key by ARN: a snapshot's key can be named in no other way, unlike a volume's. As it is where the finding
 * says why not.
 */
export async function withKeyArn(
  disk: PlannedDisk,
  { field, findings }: { field: string; findings: Findings },
): Promise<PlannedDisk> {
  const { kmsKeyId: KeyId } = disk;
  if (KeyId === undefined || KEY_ARN.test(KeyId)) return disk;
  try {
    const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId }));
    return { ...disk, ...(KeyMetadata?.Arn === undefined ? {} : { kmsKeyId: KeyMetadata.Arn }) };
  } catch (error) {
    const named = nameAwsError(error);
    const isAnswer = [AwsRefused, NotAuthorized, NotVisible].some((answer) => named instanceof answer);
    if (!(named instanceof Error) || !isAnswer) throw error;
    findings.error(
      `${field}.kmsKeyId`,
      KeyId,
      `KMS does not tell the key’s ARN, which a snapshot’s key is named by: ${named.message}`,
      'Give the ARN of a key that is there, and may be used by the stack',
    );
    return disk;
  }
}
