import { DescribeKeyCommand, type KeyMetadata } from '@aws-sdk/client-kms';
import { AwsRefused, NotAuthorized, NotVisible, nameAwsError } from '../../runtime/aws-errors.ts';
import { kms } from '../../runtime/kms.ts';
import { environment } from '../../runtime/step.ts';

/** What is known of a key that is to encrypt a volume. */
export type KeyAnswer =
  | { readonly kind: 'usable'; readonly arn: string }
  /** There is none of that name, in this Region and account. */
  | { readonly kind: 'missing'; readonly problem: string; readonly fix: string }
  | { readonly kind: 'unusable'; readonly problem: string; readonly fix: string }
  /** KMS does not tell us. */
  | { readonly kind: 'unknown'; readonly why: string };

const ANOTHER = 'Give another key, by its id, alias or ARN, or leave it out for the default key';

/** Asks KMS about a key: by its id, its ARN, or the name or ARN of an alias. */
export async function findKey(name: string): Promise<KeyAnswer> {
  const elsewhere = await whereElse(name);
  if (elsewhere) return elsewhere;
  try {
    const { KeyMetadata: key } = await kms.send(new DescribeKeyCommand({ KeyId: name }));
    return key?.Arn === undefined ? { kind: 'unknown', why: 'KMS says nothing of it' } : judge(key, key.Arn);
  } catch (error) {
    const named = nameAwsError(error);
    if (named instanceof NotAuthorized) return { kind: 'unknown', why: named.message };
    if (named instanceof AwsRefused || named instanceof NotVisible) {
      return { kind: 'missing', problem: 'does not exist here', fix: ANOTHER };
    }
    throw error;
  }
}

/** Of a key of another account or Region: EBS takes keys of its own Region, our steps may use those of the account. */
async function whereElse(name: string): Promise<KeyAnswer | undefined> {
  const { region, account, resource } =
    /^arn:[^:]+:kms:(?<region>[^:]+):(?<account>\d+):(?<resource>.+)$/.exec(name)?.groups ?? {};
  const { AWS_REGION, ACCOUNT_ID } = environment();
  if (region === undefined || resource === undefined) return undefined;
  if (account !== ACCOUNT_ID) {
    const problem = `is of account ${account}; the stack may use the keys of its own account, ${ACCOUNT_ID}`;
    return { kind: 'unusable', problem, fix: ANOTHER };
  }
  if (region === AWS_REGION) return undefined;
  const problem = `is of Region ${region}; EBS takes keys of its own Region, ${AWS_REGION}`;
  const id = resource.replace(/^key\//, '');
  if (!id.startsWith('mrk-')) return { kind: 'unusable', problem, fix: ANOTHER };
  const replica = await findKey(id);
  const fix =
    replica.kind === 'usable'
      ? `Give its replica here, ${replica.arn}`
      : 'Replicate the key here, or give another';
  return { kind: 'unusable', problem, fix };
}

/** EBS encrypts with symmetric keys that may encrypt, and needs them enabled for as long as the volume lives. */
function judge({ KeyState, KeySpec, KeyUsage }: KeyMetadata, arn: string): KeyAnswer {
  if (KeySpec !== 'SYMMETRIC_DEFAULT' || KeyUsage !== 'ENCRYPT_DECRYPT') {
    const problem = `is of kind ${KeySpec} for ${KeyUsage}; EBS takes symmetric keys for ENCRYPT_DECRYPT`;
    return { kind: 'unusable', problem, fix: ANOTHER };
  }
  if (KeyState === 'Enabled') return { kind: 'usable', arn };
  const fix = KeyState === 'Disabled' ? 'Enable it (aws kms enable-key), or give another' : ANOTHER;
  return { kind: 'unusable', problem: `is in state ${KeyState}, so nothing can be encrypted with it`, fix };
}
