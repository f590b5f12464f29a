import type { RegionContext, Service } from '../service.ts';
import { type KeyDirectory, openKeyStore } from './key-store.ts';
import { makeAliasOperations, makeKeyOperations } from './operations.ts';

/** The simulated KMS: keys with their states and names, by which EBS decides what it may use. */
export interface KmsService extends Service {
  readonly keys: KeyDirectory;
}

export async function makeKmsService(context: RegionContext): Promise<KmsService> {
  const store = await openKeyStore(context);
  return {
    name: 'kms',
    operations: { ...makeKeyOperations(store, context), ...makeAliasOperations(store, context) },
    keys: store,
  };
}
