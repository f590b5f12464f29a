import { GetEbsDefaultKmsKeyIdCommand, GetEbsEncryptionByDefaultCommand } from '@aws-sdk/client-ec2';
import type { PlannedDisk } from '../../../core/model/plan.ts';
import type { RestoreRequest } from '../../../core/model/request.ts';
import { ec2 } from '../../runtime/ec2.ts';
import { fieldOf } from './disks.ts';
import type { Findings } from './findings.ts';
import { findKey, type KeyAnswer } from './kms-key.ts';

interface EncryptionFacts {
  readonly request: RestoreRequest;
  readonly findings: Findings;
}

/** The key that AWS makes for EBS at its first use: there is nothing to look at before. */
const AWS_MANAGED = 'alias/aws/ebs';

/**
 * Settles what encrypts each disk: what the account encrypts anyway is planned as encrypted, keys are named by their
 * ARNs, and one that cannot be used is found now. EBS itself tells of a bad key only after it has accepted the volume.
 */
export async function settleEncryption(
  disks: readonly PlannedDisk[],
  facts: EncryptionFacts,
): Promise<PlannedDisk[]> {
  const all = (await encryptsByDefault()) ? disks.map((disk) => encryptedAnyway(disk, facts)) : [...disks];
  const encrypted = all.filter((disk) => disk.encrypted);
  if (encrypted.length === 0) return all;
  const names = new Set(encrypted.flatMap(({ kmsKeyId }) => kmsKeyId ?? []));
  const found = await Promise.all([...names].map(async (name) => [name, await findKey(name)] as const));
  const answers = new Map(found);
  if (encrypted.some(({ kmsKeyId }) => kmsKeyId === undefined)) await checkDefaultKey(facts);
  return all.map((disk) => {
    const answer = disk.kmsKeyId === undefined ? undefined : answers.get(disk.kmsKeyId);
    return answer ? withKey(disk, answer, facts) : disk;
  });
}

async function encryptsByDefault(): Promise<boolean> {
  const { EbsEncryptionByDefault } = await ec2.send(new GetEbsEncryptionByDefaultCommand({}));
  return EbsEncryptionByDefault ?? false;
}

function encryptedAnyway(disk: PlannedDisk, { request, findings }: EncryptionFacts): PlannedDisk {
  if (disk.encrypted) return disk;
  const index = request.disks.findIndex(({ id }) => id === disk.id);
  if (request.disks[index]?.encrypted === false) {
    findings.warning(
      `disks[${index}].encrypted`,
      false,
      'the account encrypts every new volume by default: this one is encrypted too, with the default key for EBS',
      'Leave it out, name a key with disks[].kmsKeyId, or turn the account’s setting off',
    );
  }
  return { ...disk, encrypted: true };
}

async function checkDefaultKey({ findings }: EncryptionFacts): Promise<void> {
  const { KmsKeyId } = await ec2.send(new GetEbsDefaultKmsKeyIdCommand({}));
  if (KmsKeyId === undefined || KmsKeyId === AWS_MANAGED) return;
  const answer = await findKey(KmsKeyId);
  if (answer.kind === 'unknown')
    findings.notKnown(`state of the default key for EBS, ${KmsKeyId}`, answer.why);
  if (answer.kind === 'usable' || answer.kind === 'unknown') return;
  findings.error(
    'disks',
    KmsKeyId,
    `the account’s default key for EBS ${answer.problem}`,
    'Mend it, set another one (aws ec2 modify-ebs-default-kms-key-id), or name a key with disks[].kmsKeyId',
  );
}

function withKey(disk: PlannedDisk, answer: KeyAnswer, { request, findings }: EncryptionFacts): PlannedDisk {
  const field = `${fieldOf(request, disk.id)}.kmsKeyId`;
  const asked = request.disks.find(({ id }) => id === disk.id)?.kmsKeyId;
  switch (answer.kind) {
    case 'usable':
      return { ...disk, kmsKeyId: answer.arn };
    case 'unknown':
      findings.notKnown(`state of the key ${disk.kmsKeyId}`, answer.why);
      return disk;
    case 'unusable':
      findings.error(field, disk.kmsKeyId, answer.problem, answer.fix);
      return disk;
    case 'missing': {
      if (asked !== undefined) {
        findings.error(field, asked, answer.problem, answer.fix);
        return disk;
      }
      // After the loss of a Region or an account the source's key is what is gone.
      findings.warning(
        field,
        disk.kmsKeyId,
        `the source volume’s key ${answer.problem}; the default key for EBS is used`,
        'Give disks[].kmsKeyId to use another',
      );
      const { kmsKeyId: _gone, ...rest } = disk;
      return rest;
    }
  }
}
