import type * as S3 from '@aws-sdk/client-s3';
import type { Operation } from '../service.ts';
import { AwsError } from '../service.ts';
import { notSimulated } from './errors.ts';
import type { Described, StoredBucket } from './records.ts';
import type { BucketState, S3State } from './state.ts';
import { MAX_BUCKET_TAGS, parseTags } from './tags.ts';

/** A configuration of a bucket that is put whole, given back whole, and deleted. */
interface Setting {
  /** Name in the bucket's record. */
  readonly name: string;
  readonly put?: string;
  readonly get: string;
  readonly delete?: string;
  /** Member of the input and output that holds it. */
  readonly member: string;
  /** What a bucket has that nobody configured; where absent, Get answers this error. */
  readonly initial?: unknown;
  readonly missing?: readonly [code: string, message: string];
  /** @throws AwsError for a configuration that is refused */
  check?(value: unknown): void;
}

const INITIAL_ENCRYPTION = {
  Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' }, BucketKeyEnabled: false }],
} satisfies S3.ServerSideEncryptionConfiguration;

/** What new buckets have had since April 2023 (S3 user guide, "Default settings for new S3 buckets FAQ"). */
const INITIAL_PUBLIC_ACCESS_BLOCK = {
  BlockPublicAcls: true,
  IgnorePublicAcls: true,
  BlockPublicPolicy: true,
  RestrictPublicBuckets: true,
} satisfies S3.PublicAccessBlockConfiguration;

const SETTINGS: readonly Setting[] = [
  {
    name: 'encryption',
    put: 'PutBucketEncryption',
    get: 'GetBucketEncryption',
    delete: 'DeleteBucketEncryption',
    member: 'ServerSideEncryptionConfiguration',
    initial: INITIAL_ENCRYPTION,
  },
  {
    name: 'publicAccessBlock',
    put: 'PutPublicAccessBlock',
    get: 'GetPublicAccessBlock',
    delete: 'DeletePublicAccessBlock',
    member: 'PublicAccessBlockConfiguration',
    missing: ['NoSuchPublicAccessBlockConfiguration', 'The public access block configuration was not found'],
  },
  {
    name: 'ownershipControls',
    put: 'PutBucketOwnershipControls',
    get: 'GetBucketOwnershipControls',
    delete: 'DeleteBucketOwnershipControls',
    member: 'OwnershipControls',
    missing: ['OwnershipControlsNotFoundError', 'The bucket ownership controls were not found'],
  },
  {
    name: 'policy',
    put: 'PutBucketPolicy',
    get: 'GetBucketPolicy',
    delete: 'DeleteBucketPolicy',
    member: 'Policy',
    missing: ['NoSuchBucketPolicy', 'The bucket policy does not exist'],
    check: checkPolicy,
  },
];

/** Settings of a new bucket. */
export function initialSettings(ownership: string): StoredBucket['settings'] {
  return {
    publicAccessBlock: INITIAL_PUBLIC_ACCESS_BLOCK,
    ownershipControls: { Rules: [{ ObjectOwnership: ownership }] },
  };
}

/** How objects are encrypted that do not say it themselves. */
export function defaultEncryption(bucket: BucketState): Described['encryption'] {
  const configured = bucket.record.settings.encryption as S3.ServerSideEncryptionConfiguration | undefined;
  const { Rules }: S3.ServerSideEncryptionConfiguration = configured ?? INITIAL_ENCRYPTION;
  const rule = Rules?.[0];
  const algorithm = rule?.ApplyServerSideEncryptionByDefault;
  const kmsKeyId = algorithm?.KMSMasterKeyID;
  return {
    algorithm: algorithm?.SSEAlgorithm ?? 'AES256',
    ...(kmsKeyId === undefined ? {} : { kmsKeyId }),
    ...(rule?.BucketKeyEnabled ? { bucketKeyEnabled: true } : {}),
  };
}

/** Operations on the configurations of buckets. They are kept and given back; of them only encryption has an effect. */
export function makeBucketSettingOperations(state: S3State): Record<string, Operation> {
  const operations: Record<string, Operation> = {};
  for (const setting of SETTINGS) Object.assign(operations, settingOperations(state, setting));
  return {
    ...operations,
    ...lifecycleOperations(state),
    ...versioningOperations(state),
    ...taggingOperations(state),
  };
}

type BucketInput = { readonly Bucket?: string } & Readonly<Record<string, unknown>>;

function settingOperations(state: S3State, setting: Setting): Record<string, Operation> {
  const operations: Record<string, Operation> = {
    [setting.get]: (input: BucketInput) => {
      const value = state.bucket(input.Bucket ?? '').record.settings[setting.name] ?? setting.initial;
      if (value === undefined && setting.missing) {
        throw new AwsError(...setting.missing, 404, { BucketName: input.Bucket });
      }
      return { [setting.member]: value };
    },
  };
  if (setting.put) {
    operations[setting.put] = async (input: BucketInput) => {
      setting.check?.(input[setting.member]);
      await saveSetting(state, input.Bucket, { [setting.name]: input[setting.member] });
      return {};
    };
  }
  if (setting.delete) {
    operations[setting.delete] = async (input: BucketInput) => {
      await saveSetting(state, input.Bucket, { [setting.name]: undefined });
      return {};
    };
  }
  return operations;
}

function saveSetting(
  state: S3State,
  name: string | undefined,
  change: Record<string, unknown>,
): Promise<void> {
  const { record } = state.bucket(name ?? '');
  return state.saveBucket({ ...record, settings: { ...record.settings, ...change } });
}

function checkPolicy(value: unknown): void {
  try {
    const policy: unknown = JSON.parse(String(value));
    if (typeof policy === 'object' && policy !== null && 'Statement' in policy) return;
  } catch {
    // Falls through to the same answer.
  }
  throw new AwsError('MalformedPolicy', "Policies must be valid JSON and the first byte must be '{'", 400);
}

function lifecycleOperations(state: S3State): Record<string, Operation> {
  return {
    PutBucketLifecycleConfiguration: async (input: S3.PutBucketLifecycleConfigurationCommandInput) => {
      const rules = input.LifecycleConfiguration?.Rules ?? [];
      await saveSetting(state, input.Bucket, { lifecycle: rules });
      return {};
    },
    GetBucketLifecycleConfiguration: (input: S3.GetBucketLifecycleConfigurationCommandInput) => {
      const rules = state.bucket(input.Bucket ?? '').record.settings.lifecycle;
      if (rules === undefined) {
        const message = 'The lifecycle configuration does not exist';
        throw new AwsError('NoSuchLifecycleConfiguration', message, 404, { BucketName: input.Bucket });
      }
      return { Rules: reviveDates(rules) };
    },
    DeleteBucketLifecycle: async (input: S3.DeleteBucketLifecycleCommandInput) => {
      await saveSetting(state, input.Bucket, { lifecycle: undefined });
      return {};
    },
  };
}

/** The dates in lifecycle rules are text once they have been in the records' file. */
function reviveDates(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reviveDates);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      name === 'Date' && typeof member === 'string' ? new Date(member) : reviveDates(member),
    ]),
  );
}

function versioningOperations(state: S3State): Record<string, Operation> {
  return {
    GetBucketVersioning: (input: S3.GetBucketVersioningCommandInput) => {
      const status = state.bucket(input.Bucket ?? '').record.settings.versioning;
      return status === undefined ? {} : { Status: status };
    },
    PutBucketVersioning: async (input: S3.PutBucketVersioningCommandInput) => {
      // A bucket that only said it kept versions would lose what it promises to keep.
      if (input.VersioningConfiguration?.Status !== 'Suspended') throw notSimulated('bucket versioning');
      await saveSetting(state, input.Bucket, { versioning: 'Suspended' });
      return {};
    },
  };
}

function taggingOperations(state: S3State): Record<string, Operation> {
  return {
    PutBucketTagging: async (input: S3.PutBucketTaggingCommandInput) => {
      const tags = parseTags(input.Tagging?.TagSet, MAX_BUCKET_TAGS);
      await state.saveBucket({ ...state.bucket(input.Bucket ?? '').record, tags });
      return {};
    },
    GetBucketTagging: (input: S3.GetBucketTaggingCommandInput) => {
      const { tags } = state.bucket(input.Bucket ?? '').record;
      if (tags.length === 0) {
        throw new AwsError('NoSuchTagSet', 'The TagSet does not exist', 404, { BucketName: input.Bucket });
      }
      return { TagSet: tags };
    },
    DeleteBucketTagging: async (input: S3.DeleteBucketTaggingCommandInput) => {
      await state.saveBucket({ ...state.bucket(input.Bucket ?? '').record, tags: [] });
      return {};
    },
  };
}
