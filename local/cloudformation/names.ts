import { createHash } from 'node:crypto';

export interface NameOptions {
  readonly accountId: string;
  readonly region: string;
  readonly stackName: string;
  readonly logicalId: string;
  readonly maxLength: number;
  /** Buckets are named in lower case. */
  readonly lowerCase?: boolean;
  /** State machines are named after their logical id alone. */
  readonly withoutStack?: boolean;
}

const SUFFIX_LENGTH = 12;
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ';

/**
 * A physical name as CloudFormation would make one, `<stack>-<logical id>-<suffix>`, but with a suffix that follows from
 * the rest: the same stack has the same names in every local region, after every deploy.
 */
export function physicalName(options: NameOptions): string {
  const { accountId, region, stackName, logicalId, maxLength } = options;
  const digest = createHash('sha256').update([accountId, region, stackName, logicalId].join('/')).digest();
  const suffix = [...digest.subarray(0, SUFFIX_LENGTH)]
    .map((byte) => ALPHABET[byte % ALPHABET.length])
    .join('');
  const stem = options.withoutStack ? logicalId : `${stackName}-${logicalId}`;
  const name = `${stem.slice(0, maxLength - SUFFIX_LENGTH - 1)}-${suffix}`;
  return options.lowerCase ? name.toLowerCase() : name;
}
