import { join } from 'node:path';
import { z } from 'zod';
import { makeJsonFile } from '../json-file.ts';
import type { RegionContext } from '../service.ts';

const keySchema = z.strictObject({
  id: z.string(),
  arn: z.string(),
  createdMs: z.number(),
  description: z.string(),
  manager: z.enum(['AWS', 'CUSTOMER']),
  state: z.enum(['Enabled', 'Disabled', 'PendingDeletion']),
  deletionMs: z.number().optional(),
  policy: z.string().optional(),
  tags: z.array(z.strictObject({ TagKey: z.string(), TagValue: z.string() })),
});

const aliasSchema = z.strictObject({
  name: z.string(),
  arn: z.string(),
  keyId: z.string(),
  createdMs: z.number(),
});

export type KeyRecord = z.infer<typeof keySchema>;
export type AliasRecord = z.infer<typeof aliasSchema>;

/** What other services ask of KMS. */
export interface KeyDirectory {
  /** A key by its id, its ARN, or the name or ARN of an alias. */
  find(key: string): KeyRecord | undefined;
}

/** Keys and aliases, as data: nothing in the region is really encrypted. */
export interface KeyStore extends KeyDirectory {
  keys(): KeyRecord[];
  aliases(): AliasRecord[];
  putKey(key: KeyRecord): Promise<void>;
  putAlias(alias: AliasRecord): Promise<void>;
  deleteAlias(name: string): Promise<void>;
  /** `arn:aws:kms:<region>:<account>:<resource>`. */
  arnOf(resource: string): string;
}

/** The key with which EBS encrypts when none is named. On AWS it is made at its first use, under any id. */
const EBS_KEY_ID = '00000000-0000-4000-8000-000000000eb5';
export const EBS_ALIAS = 'alias/aws/ebs';

export async function openKeyStore(
  context: Pick<RegionContext, 'stateFolder' | 'region' | 'accountId' | 'time'>,
): Promise<KeyStore> {
  const arnOf = (resource: string) => `arn:aws:kms:${context.region}:${context.accountId}:${resource}`;
  const file = makeJsonFile(
    join(context.stateFolder, 'kms', 'keys.json'),
    z.strictObject({ keys: z.array(keySchema), aliases: z.array(aliasSchema) }),
  );
  const found = (await file.read()) ?? seeds(arnOf, context.time.now().getTime());
  const keys = new Map(found.keys.map((key) => [key.id, key]));
  const aliases = new Map(found.aliases.map((alias) => [alias.name, alias]));

  const save = () => file.write({ keys: [...keys.values()], aliases: [...aliases.values()] });

  return {
    find(key) {
      const prefix = arnOf('');
      const resource = key.startsWith(prefix) ? key.slice(prefix.length) : key;
      // An ARN says `key/<id>`; a bare id stands alone.
      const id = resource === key ? key : resource.replace(/^key\//, '');
      return keys.get(aliases.get(resource)?.keyId ?? id);
    },
    keys: () => [...keys.values()],
    aliases: () => [...aliases.values()],
    putKey: async (key) => {
      keys.set(key.id, key);
      await save();
    },
    putAlias: async (alias) => {
      aliases.set(alias.name, alias);
      await save();
    },
    deleteAlias: async (name) => {
      aliases.delete(name);
      await save();
    },
    arnOf,
  };
}

function seeds(
  arnOf: (resource: string) => string,
  nowMs: number,
): { readonly keys: KeyRecord[]; readonly aliases: AliasRecord[] } {
  return {
    keys: [
      {
        id: EBS_KEY_ID,
        arn: arnOf(`key/${EBS_KEY_ID}`),
        createdMs: nowMs,
        description: 'Default key that protects my EBS volumes when no other key is defined',
        manager: 'AWS',
        state: 'Enabled',
        tags: [],
      },
    ],
    aliases: [{ name: EBS_ALIAS, arn: arnOf(EBS_ALIAS), keyId: EBS_KEY_ID, createdMs: nowMs }],
  };
}
