import { AwsError } from '../service.ts';
import type { Simulation } from './simulation.ts';

/**
 * There is no KMS in the local region and nothing is encrypted; what is simulated is how EBS treats keys: flags and
 * ARNs in answers, and that a bad key only shows itself after the call succeeded.
 */

const KEY_ID = /^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32})$/;
const ALIAS = /^alias\/[A-Za-z0-9/_-]+$/;

const arnOf = (sim: Simulation, resource: string): string =>
  `arn:aws:kms:${sim.context.region}:${sim.context.accountId}:${resource}`;

/** The key that EBS encrypts with when none is named. */
const defaultKey = (sim: Simulation): string => arnOf(sim, 'key/00000000-0000-4000-8000-000000000eb5');

/** Whether EBS could use the key: a key or alias of this account and region, by its looks. */
export function isUsableKey(sim: Simulation, key: string): boolean {
  const prefix = arnOf(sim, '');
  const resource = key.startsWith(prefix) ? key.slice(prefix.length) : undefined;
  if (resource === undefined) return KEY_ID.test(key) || ALIAS.test(key);
  return ALIAS.test(resource) || (resource.startsWith('key/') && KEY_ID.test(resource.slice('key/'.length)));
}

export interface Encryption {
  readonly encrypted: boolean;
  readonly kmsKeyId?: string;
}

/**
 * How a volume or snapshot comes to be encrypted: when asked, when its source is, or by the account's default.
 * @throws InvalidParameterDependency for a key without encryption
 */
export function chooseEncryption(
  sim: Simulation,
  asked: { readonly Encrypted?: boolean | undefined; readonly KmsKeyId?: string | undefined },
  source?: Encryption,
): Encryption {
  if (asked.KmsKeyId && !asked.Encrypted) {
    throw new AwsError(
      'InvalidParameterDependency',
      'The parameter KmsKeyId requires the parameter Encrypted to be set.',
    );
  }
  const encrypted = asked.Encrypted || source?.encrypted || sim.state.settings.encryptionByDefault;
  if (!encrypted) return { encrypted: false };
  return {
    encrypted,
    kmsKeyId: asked.KmsKeyId ? keyArn(sim, asked.KmsKeyId) : (source?.kmsKeyId ?? defaultKey(sim)),
  };
}

function keyArn(sim: Simulation, key: string): string {
  if (key === 'alias/aws/ebs') return defaultKey(sim);
  if (KEY_ID.test(key)) return arnOf(sim, `key/${key}`);
  return ALIAS.test(key) ? arnOf(sim, key) : key;
}
