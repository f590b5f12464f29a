import type { CreateMultipartUploadCommandInput, PutObjectCommandInput } from '@aws-sdk/client-s3';
import { AwsError } from '../service.ts';
import { defaultEncryption } from './bucket-settings.ts';
import { invalidArgument, invalidRequest, notSimulated } from './errors.ts';
import type { Described } from './records.ts';
import type { BucketState } from './state.ts';
import { parseTagging } from './tags.ts';

/** Members that say how an object is to be kept and given back; PutObject, CopyObject and uploads share them. */
export type DescribingInput = Pick<
  PutObjectCommandInput & CreateMultipartUploadCommandInput,
  | 'ACL'
  | 'BucketKeyEnabled'
  | 'CacheControl'
  | 'ContentDisposition'
  | 'ContentEncoding'
  | 'ContentLanguage'
  | 'ContentType'
  | 'Expires'
  | 'Metadata'
  | 'ObjectLockLegalHoldStatus'
  | 'ObjectLockMode'
  | 'ObjectLockRetainUntilDate'
  | 'SSECustomerAlgorithm'
  | 'SSEKMSKeyId'
  | 'ServerSideEncryption'
  | 'StorageClass'
  | 'Tagging'
  | 'WebsiteRedirectLocation'
>;

/** User metadata may have this many bytes, names and values together (S3 user guide, "Working with object metadata"). */
const MAX_METADATA_BYTES = 2048;
/** Access control lists that say what bucket-owner-enforced buckets do anyway. */
const HARMLESS_ACLS = new Set(['private', 'bucket-owner-full-control']);

/** @throws AwsError for what is not simulated or does not fit */
export function describeObject(input: DescribingInput, bucket: BucketState): Described {
  refuseUnsupported(input);
  const metadata = input.Metadata ?? {};
  const metadataBytes = Object.entries(metadata).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value),
    0,
  );
  if (metadataBytes > MAX_METADATA_BYTES) {
    const message = 'Your metadata headers exceed the maximum allowed metadata size';
    throw new AwsError('MetadataTooLarge', message, 400, {
      Size: metadataBytes,
      MaxSizeAllowed: MAX_METADATA_BYTES,
    });
  }
  return {
    contentType: input.ContentType ?? 'binary/octet-stream',
    cacheControl: input.CacheControl,
    contentDisposition: input.ContentDisposition,
    contentEncoding: storedEncoding(input.ContentEncoding),
    contentLanguage: input.ContentLanguage,
    expires: input.Expires?.toUTCString(),
    websiteRedirectLocation: input.WebsiteRedirectLocation,
    metadata,
    tags: input.Tagging === undefined ? [] : parseTagging(input.Tagging),
    storageClass: input.StorageClass ?? 'STANDARD',
    encryption: encryptionOf(input, bucket),
  };
}

function refuseUnsupported(input: DescribingInput): void {
  if (input.SSECustomerAlgorithm !== undefined) throw notSimulated('encryption with customer-provided keys');
  if (input.ObjectLockMode ?? input.ObjectLockRetainUntilDate ?? input.ObjectLockLegalHoldStatus) {
    throw invalidRequest('Bucket is missing Object Lock Configuration');
  }
  if (input.ACL !== undefined && !HARMLESS_ACLS.has(input.ACL)) {
    throw new AwsError('AccessControlListNotSupported', 'The bucket does not allow ACLs', 400);
  }
}

/** `aws-chunked` describes the request, not the object. */
function storedEncoding(encoding: string | undefined): string | undefined {
  const kept = (encoding ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'aws-chunked');
  return kept.length === 0 ? undefined : kept.join(',');
}

function encryptionOf(input: DescribingInput, bucket: BucketState): Described['encryption'] {
  if (input.ServerSideEncryption === undefined) return defaultEncryption(bucket);
  return {
    algorithm: input.ServerSideEncryption,
    kmsKeyId: input.SSEKMSKeyId,
    bucketKeyEnabled: input.BucketKeyEnabled,
  };
}

/** Members of every answer that tell how the object is encrypted. */
export function encryptionMembers({ encryption }: Described) {
  return {
    ServerSideEncryption: encryption.algorithm as 'AES256' | 'aws:kms' | 'aws:kms:dsse',
    SSEKMSKeyId: encryption.kmsKeyId,
    BucketKeyEnabled: encryption.bucketKeyEnabled,
  };
}

/** Most bytes of a key (S3 user guide, "Naming Amazon S3 objects"). */
const MAX_KEY_BYTES = 1024;

/** @throws AwsError KeyTooLongError */
export function checkKey(key: string | undefined): string {
  if (key === undefined || key === '') throw invalidArgument('Key', 'The key must not be empty');
  const size = Buffer.byteLength(key);
  if (size > MAX_KEY_BYTES) {
    throw new AwsError('KeyTooLongError', 'Your key is too long', 400, {
      Size: size,
      MaxSizeAllowed: MAX_KEY_BYTES,
    });
  }
  return key;
}
