import { DescribeKeyPairsCommand } from '@aws-sdk/client-ec2';
import { awsErrorCode } from '../../runtime/aws-errors.ts';
import { ec2 } from '../../runtime/ec2.ts';
import type { TargetFacts } from './facts.ts';

/** The key pair that the request names, or the source instance's where it exists here. */
export async function findKeyPair({ workload, request, findings }: TargetFacts): Promise<string | undefined> {
  const asked = request.target.keyName;
  const keyName = asked ?? workload.source?.keyName;
  if (keyName === undefined || (await keyPairExists(keyName))) return keyName;
  if (asked === undefined) {
    findings.warning(
      'target.keyName',
      keyName,
      'the source’s key pair does not exist here',
      'The keys inside the restored disks still work',
    );
  } else {
    findings.error(
      'target.keyName',
      keyName,
      'no such key pair exists here',
      'Give an existing one, or leave it out',
    );
  }
  return undefined;
}

async function keyPairExists(keyName: string): Promise<boolean> {
  try {
    await ec2.send(new DescribeKeyPairsCommand({ KeyNames: [keyName] }));
    return true;
  } catch (error) {
    if (awsErrorCode(error) === 'InvalidKeyPair.NotFound') return false;
    throw error;
  }
}
