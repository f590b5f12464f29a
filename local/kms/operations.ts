import { randomUUID } from 'node:crypto';
import type {
  CancelKeyDeletionRequest,
  CreateAliasRequest,
  CreateKeyRequest,
  DeleteAliasRequest,
  DescribeKeyRequest,
  DisableKeyRequest,
  EnableKeyRequest,
  KeyMetadata,
  ListAliasesRequest,
  ListKeysRequest,
  ListResourceTagsRequest,
  ScheduleKeyDeletionRequest,
} from '@aws-sdk/client-kms';
import { AwsError, type Operation, type RegionContext } from '../service.ts';
import type { KeyRecord, KeyStore } from './key-store.ts';
import { pageOf } from './paging.ts';

const DAY_MS = 24 * 3600 * 1000;
/** Days until a key is deleted, where a request does not say (kms/latest/APIReference/API_ScheduleKeyDeletion). */
const DELETION_DAYS = { usual: 30, min: 7, max: 30 } as const;
const ALIAS_NAME = /^alias\/[a-zA-Z0-9/_-]{1,250}$/;

const validation = (message: string) => new AwsError('ValidationException', message);

/** Refuses what would be lost silently. @throws UnsupportedOperationException naming the first such member */
function acceptOnly(operation: string, input: object, names: readonly string[]): void {
  for (const [name, value] of Object.entries(input)) {
    if (value === undefined || names.includes(name)) continue;
    const message = `${operation}: parameter ${name} is not simulated by the local region`;
    throw new AwsError('UnsupportedOperationException', message);
  }
}

function notFound(store: KeyStore, key: string): AwsError {
  const arn = key.startsWith('arn:') ? key : store.arnOf(key.startsWith('alias/') ? key : `key/${key}`);
  const what = key.includes('alias/') ? 'Alias' : 'Key';
  return new AwsError('NotFoundException', `${what} '${arn}' does not exist`);
}

/** @throws NotFoundException */
function needKey(store: KeyStore, key: string | undefined): KeyRecord {
  if (!key) throw validation("1 validation error detected: Value at 'keyId' failed to satisfy constraint");
  const found = store.find(key);
  if (found) return found;
  throw notFound(store, key);
}

/** A key that its owner may change, by id or ARN; an alias will not do. @throws NotFoundException and the like */
function needOwnKey(store: KeyStore, key: string | undefined): KeyRecord {
  if (key?.includes('alias/')) throw notFound(store, key.replace('alias/', 'key/alias/'));
  const found = needKey(store, key);
  if (found.manager === 'CUSTOMER') return found;
  throw new AwsError('AccessDeniedException', `${found.arn} is managed by AWS`);
}

/** @throws KMSInvalidStateException */
function checkNotDoomed(key: KeyRecord): void {
  if (key.state !== 'PendingDeletion') return;
  throw new AwsError('KMSInvalidStateException', `${key.arn} is pending deletion.`);
}

function metadataOf(key: KeyRecord, { accountId }: RegionContext): KeyMetadata {
  return {
    AWSAccountId: accountId,
    KeyId: key.id,
    Arn: key.arn,
    CreationDate: new Date(key.createdMs),
    Enabled: key.state === 'Enabled',
    Description: key.description,
    KeyUsage: 'ENCRYPT_DECRYPT',
    KeyState: key.state,
    Origin: 'AWS_KMS',
    KeyManager: key.manager,
    CustomerMasterKeySpec: 'SYMMETRIC_DEFAULT',
    KeySpec: 'SYMMETRIC_DEFAULT',
    EncryptionAlgorithms: ['SYMMETRIC_DEFAULT'],
    MultiRegion: false,
    ...(key.deletionMs === undefined ? {} : { DeletionDate: new Date(key.deletionMs) }),
  };
}

/** Keys and their states; what they would encrypt is not simulated. */
export function makeKeyOperations(store: KeyStore, context: RegionContext): Record<string, Operation> {
  const nowMs = () => context.time.now().getTime();
  const setState = async (key: KeyRecord, state: KeyRecord['state']): Promise<void> => {
    const { deletionMs: _, ...rest } = key;
    await store.putKey({ ...rest, state });
  };
  return {
    async CreateKey(input: CreateKeyRequest) {
      checkPlainKey(input);
      const id = randomUUID();
      const key: KeyRecord = {
        id,
        arn: store.arnOf(`key/${id}`),
        createdMs: nowMs(),
        description: input.Description ?? '',
        manager: 'CUSTOMER',
        state: 'Enabled',
        tags: (input.Tags ?? []).map(({ TagKey = '', TagValue = '' }) => ({ TagKey, TagValue })),
        ...(input.Policy === undefined ? {} : { policy: input.Policy }),
      };
      await store.putKey(key);
      return { KeyMetadata: metadataOf(key, context) };
    },
    DescribeKey(input: DescribeKeyRequest) {
      return { KeyMetadata: metadataOf(needKey(store, input.KeyId), context) };
    },
    ListKeys(input: ListKeysRequest) {
      const { page, ...rest } = pageOf(store.keys(), input, { usual: 100, max: 1000 });
      return { Keys: page.map(({ id, arn }) => ({ KeyId: id, KeyArn: arn })), ...rest };
    },
    ListResourceTags(input: ListResourceTagsRequest) {
      const { page, ...rest } = pageOf(needKey(store, input.KeyId).tags, input, { usual: 50, max: 50 });
      return { Tags: page, ...rest };
    },
    async EnableKey(input: EnableKeyRequest) {
      const key = needOwnKey(store, input.KeyId);
      checkNotDoomed(key);
      await setState(key, 'Enabled');
    },
    async DisableKey(input: DisableKeyRequest) {
      const key = needOwnKey(store, input.KeyId);
      checkNotDoomed(key);
      await setState(key, 'Disabled');
    },
    async ScheduleKeyDeletion(input: ScheduleKeyDeletionRequest) {
      const key = needOwnKey(store, input.KeyId);
      checkNotDoomed(key);
      const days = input.PendingWindowInDays ?? DELETION_DAYS.usual;
      if (days < DELETION_DAYS.min || days > DELETION_DAYS.max)
        throw validation(`PendingWindowInDays must be 7 to 30, not ${days}`);
      const deletionMs = nowMs() + days * DAY_MS;
      await store.putKey({ ...key, state: 'PendingDeletion', deletionMs });
      return {
        KeyId: key.arn,
        DeletionDate: new Date(deletionMs),
        KeyState: 'PendingDeletion',
        PendingWindowInDays: days,
      };
    },
    async CancelKeyDeletion(input: CancelKeyDeletionRequest) {
      const key = needOwnKey(store, input.KeyId);
      if (key.state !== 'PendingDeletion')
        throw new AwsError('KMSInvalidStateException', `${key.arn} is not pending deletion.`);
      // AWS leaves it to its owner to enable it again.
      await setState(key, 'Disabled');
      return { KeyId: key.arn };
    },
  };
}

/** A symmetric key for encryption with material of KMS's own, the one kind that EBS takes. */
function checkPlainKey(input: CreateKeyRequest): void {
  const { KeySpec, CustomerMasterKeySpec, KeyUsage, Origin, MultiRegion, ...rest } = input;
  acceptOnly('CreateKey', rest, ['Description', 'Tags', 'Policy', 'BypassPolicyLockoutSafetyCheck']);
  const isPlain =
    (KeySpec ?? CustomerMasterKeySpec ?? 'SYMMETRIC_DEFAULT') === 'SYMMETRIC_DEFAULT' &&
    (KeyUsage ?? 'ENCRYPT_DECRYPT') === 'ENCRYPT_DECRYPT' &&
    (Origin ?? 'AWS_KMS') === 'AWS_KMS' &&
    !MultiRegion;
  if (isPlain) return;
  const message = 'CreateKey: only symmetric keys of one Region are simulated by the local region';
  throw new AwsError('UnsupportedOperationException', message);
}

/** Names for keys. */
export function makeAliasOperations(store: KeyStore, context: RegionContext): Record<string, Operation> {
  const nowMs = () => context.time.now().getTime();
  return {
    async CreateAlias(input: CreateAliasRequest) {
      const name = input.AliasName ?? '';
      if (!ALIAS_NAME.test(name) || name.startsWith('alias/aws/'))
        throw new AwsError('InvalidAliasNameException', `Alias name '${name}' is not one of yours`);
      if (store.aliases().some((alias) => alias.name === name))
        throw new AwsError(
          'AlreadyExistsException',
          `An alias with the name ${store.arnOf(name)} already exists`,
        );
      const key = needOwnKey(store, input.TargetKeyId);
      checkNotDoomed(key);
      await store.putAlias({ name, arn: store.arnOf(name), keyId: key.id, createdMs: nowMs() });
    },
    async DeleteAlias(input: DeleteAliasRequest) {
      const name = input.AliasName ?? '';
      const isThere = store.aliases().some((alias) => alias.name === name);
      if (!isThere || name.startsWith('alias/aws/')) throw notFound(store, name);
      await store.deleteAlias(name);
    },
    ListAliases(input: ListAliasesRequest) {
      const key = input.KeyId === undefined ? undefined : needKey(store, input.KeyId);
      const aliases = store.aliases().filter(({ keyId }) => key === undefined || keyId === key.id);
      const { page, ...rest } = pageOf(aliases, input, { usual: 50, max: 100 });
      return {
        Aliases: page.map(({ name, arn, keyId, createdMs }) => ({
          AliasName: name,
          AliasArn: arn,
          TargetKeyId: keyId,
          CreationDate: new Date(createdMs),
          LastUpdatedDate: new Date(createdMs),
        })),
        ...rest,
      };
    },
  };
}
