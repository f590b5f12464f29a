import { AwsError } from '../service.ts';
import type { Simulation } from './simulation.ts';

/**
 * Nothing is encrypted in the local region; what is simulated is how EBS treats the keys of KMS: flags and ARNs in
 * answers, and that a key that cannot be used only shows itself after the call succeeded.
 */

/** The key that EBS encrypts with when none is named. */
const DEFAULT_KEY = 'alias/aws/ebs';

const PROBLEMS = { Disabled: 'is disabled.', PendingDeletion: 'is pending deletion.' } as const;

/** Why EBS cannot use a key, in the words of its events; undefined when it can, or where nothing is encrypted. */
export function keyProblem(sim: Simulation, key: string | undefined): string | undefined {
  if (key === undefined) return undefined;
  const found = sim.keys.find(key);
  if (!found) return `${key} does not exist.`;
  return found.state === 'Enabled' ? undefined : `${found.arn} ${PROBLEMS[found.state]}`;
}

/** Whether EBS can use the key now. */
export const isUsableKey = (sim: Simulation, key: string): boolean => keyProblem(sim, key) === undefined;

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
  return { encrypted, kmsKeyId: keyArn(sim, asked.KmsKeyId ?? source?.kmsKeyId ?? DEFAULT_KEY) };
}

/** Answers name keys by their ARN, however they were asked for; one that is not there stays as it was named. */
const keyArn = (sim: Simulation, key: string): string => sim.keys.find(key)?.arn ?? key;
