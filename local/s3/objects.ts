import type * as S3 from '@aws-sdk/client-s3';
import type { AnswerBody, RequestBody } from '../protocols/http-message.ts';
import type { Operation, RegionContext } from '../service.ts';
import { AwsError } from '../service.ts';
import { checksumMembers } from './checksums.ts';
import { checkReadConditions, checkWriteConditions } from './conditions.ts';
import type { ContentStore } from './content.ts';
import { checkKey, describeObject, encryptionMembers } from './description.ts';
import { invalidArgument, noSuchKey, notSimulated, preconditionFailed } from './errors.ts';
import { parseRange } from './ranges.ts';
import { receiveBody, wholeSeconds } from './receive.ts';
import type { StoredObject } from './records.ts';
import type { BucketState, S3State } from './state.ts';

type WithBody<Input> = Omit<Input, 'Body'> & { readonly Body: RequestBody };
type Answer<Output> = Partial<Omit<Output, '$metadata' | 'Body'>>;

/** Operations on single objects. */
export function makeObjectOperations(state: S3State, context: RegionContext): Record<string, Operation> {
  return {
    PutObject: (input: WithBody<S3.PutObjectCommandInput>) => putObject(state, context, input),
    GetObject: (input: S3.GetObjectCommandInput) => {
      const object = readableObject(state, input);
      const { members, offset, length } = selectContent(object, input);
      return { ...members, Body: openBody(state.content, object, { offset, length }) };
    },
    HeadObject: (input: S3.HeadObjectCommandInput) => {
      const object = readableObject(state, input);
      return selectContent(object, input).members;
    },
    DeleteObject: (input: S3.DeleteObjectCommandInput) => deleteObject(state, input),
    DeleteObjects: (input: S3.DeleteObjectsCommandInput) => deleteObjects(state, input),
  };
}

async function putObject(
  state: S3State,
  context: RegionContext,
  input: WithBody<S3.PutObjectCommandInput>,
): Promise<Answer<S3.PutObjectCommandOutput>> {
  const key = checkKey(input.Key);
  const bucket = state.bucket(input.Bucket ?? '');
  if (input.WriteOffsetBytes !== undefined) throw notSimulated('appending to objects');
  const described = describeObject(input, bucket);
  checkWriteConditions(input, key, bucket.objects.get(key));
  const uploaded = await receiveBody({ content: state.content, body: input.Body, input });
  const claimed = uploaded.verifier.claimed();
  const object: StoredObject = {
    kind: 'object',
    bucket: bucket.record.name,
    key,
    pieces: uploaded.pieces,
    size: uploaded.size,
    etag: uploaded.etag,
    modified: wholeSeconds(context.time.now()),
    ...(claimed ? { checksum: { ...claimed, type: 'FULL_OBJECT' } } : {}),
    described,
  };
  await commitObject(state, { bucket, object, conditions: input });
  return {
    ETag: `"${object.etag}"`,
    ...checksumMembers(claimed),
    ...(claimed ? { ChecksumType: 'FULL_OBJECT' } : {}),
    ...encryptionMembers(described),
  };
}

interface ObjectCommit {
  readonly bucket: BucketState;
  readonly object: StoredObject;
  readonly conditions: Parameters<typeof checkWriteConditions>[0];
}

/** Puts an object under its key, unless bucket or conditions have changed while its bytes came in. */
export async function commitObject(
  state: S3State,
  { bucket, object, conditions }: ObjectCommit,
): Promise<void> {
  try {
    if (state.bucket(object.bucket) !== bucket) throw preconditionFailed('bucket');
    checkWriteConditions(conditions, object.key, bucket.objects.get(object.key));
  } catch (error) {
    state.content.release(object.pieces);
    throw error;
  }
  await state.saveObject(bucket, object);
}

interface ObjectName {
  readonly Bucket?: string | undefined;
  readonly Key?: string | undefined;
  readonly VersionId?: string | undefined;
}

/** @throws AwsError NoSuchBucket, NoSuchKey, NoSuchVersion */
export function findObject(state: S3State, { Bucket, Key, VersionId }: ObjectName): StoredObject {
  checkVersion(VersionId);
  const object = state.bucket(Bucket ?? '').objects.get(Key ?? '');
  if (!object) throw noSuchKey(Key ?? '');
  return object;
}

/** Objects of buckets without versioning all have the version `null`. */
function checkVersion(versionId: string | undefined): void {
  if (versionId === undefined || versionId === 'null') return;
  throw new AwsError('NoSuchVersion', 'The specified version does not exist.', 404, { VersionId: versionId });
}

type ReadInput = S3.GetObjectCommandInput | S3.HeadObjectCommandInput;

function readableObject(state: S3State, input: ReadInput): StoredObject {
  if (input.SSECustomerAlgorithm !== undefined) throw notSimulated('encryption with customer-provided keys');
  const object = findObject(state, input);
  checkReadConditions(input, object);
  return object;
}

interface Selection {
  readonly members: Answer<S3.GetObjectCommandOutput>;
  readonly offset: number;
  readonly length: number;
}

/** What of the object a read asks for (all, a range, one part), and the members that describe it. */
function selectContent(object: StoredObject, input: ReadInput): Selection {
  const { size } = object;
  const range =
    input.PartNumber === undefined ? parseRange(input.Range, size) : partRange(object, input.PartNumber);
  const { offset, length } = range ?? { offset: 0, length: size };
  const members = {
    ...objectMembers(object, input),
    ContentLength: length,
    ...(range ? { ContentRange: `bytes ${offset}-${offset + length - 1}/${size}` } : {}),
    ...(input.PartNumber !== undefined && object.partSizes ? { PartsCount: object.partSizes.length } : {}),
    // A checksum of the whole would not fit a part of it.
    ...(input.ChecksumMode === 'ENABLED' && length === size ? checksumOf(object) : {}),
  };
  return { members, offset, length };
}

function partRange(object: StoredObject, number: number): { offset: number; length: number } {
  const sizes = object.partSizes ?? [object.size];
  const length = sizes[number - 1];
  if (length === undefined || number < 1) {
    throw new AwsError('InvalidPartNumber', 'The requested partnumber is not satisfiable', 416, {
      ActualPartCount: sizes.length,
      PartNumberRequested: number,
    });
  }
  return { offset: sizes.slice(0, number - 1).reduce((sum, size) => sum + size, 0), length };
}

function checksumOf({ checksum }: StoredObject) {
  return checksum ? { ...checksumMembers(checksum), ChecksumType: checksum.type } : {};
}

function objectMembers(object: StoredObject, input: ReadInput): Answer<S3.GetObjectCommandOutput> {
  const { described } = object;
  const expires = input.ResponseExpires?.toUTCString() ?? described.expires;
  return {
    AcceptRanges: 'bytes',
    LastModified: new Date(object.modified),
    ETag: `"${object.etag}"`,
    Metadata: described.metadata,
    ...encryptionMembers(described),
    ...given({
      ContentType: input.ResponseContentType ?? described.contentType,
      CacheControl: input.ResponseCacheControl ?? described.cacheControl,
      ContentDisposition: input.ResponseContentDisposition ?? described.contentDisposition,
      ContentEncoding: input.ResponseContentEncoding ?? described.contentEncoding,
      ContentLanguage: input.ResponseContentLanguage ?? described.contentLanguage,
      Expires: expires === undefined ? undefined : new Date(expires),
      WebsiteRedirectLocation: described.websiteRedirectLocation,
      TagCount: described.tags.length > 0 ? described.tags.length : undefined,
      // S3 does not name the ordinary storage class.
      StorageClass:
        described.storageClass === 'STANDARD' ? undefined : (described.storageClass as S3.StorageClass),
    }),
  };
}

/** The members that have a value. */
function given<T extends Record<string, unknown>>(members: T): Partial<T> {
  const entries = Object.entries(members).filter(([, value]) => value !== undefined);
  // Only members that were there are left.
  return Object.fromEntries(entries) as Partial<T>;
}

function openBody(
  content: ContentStore,
  object: StoredObject,
  { offset, length }: { readonly offset: number; readonly length: number },
): AnswerBody {
  const reader = content.open(object.pieces);
  return { length, chunks: () => reader.chunks(offset, length), close: () => reader.close() };
}

async function deleteObject(
  state: S3State,
  input: S3.DeleteObjectCommandInput,
): Promise<Answer<S3.DeleteObjectCommandOutput>> {
  checkVersion(input.VersionId);
  const bucket = state.bucket(input.Bucket ?? '');
  const key = checkKey(input.Key);
  const existing = bucket.objects.get(key);
  if (input.IfMatch !== undefined) checkWriteConditions({ IfMatch: input.IfMatch }, key, existing);
  if (input.IfMatchLastModifiedTime ?? input.IfMatchSize) throw notSimulated('deletion by time or size');
  await state.removeObjects(bucket, [key]);
  return {};
}

const MAX_DELETED_KEYS = 1000;

async function deleteObjects(
  state: S3State,
  input: S3.DeleteObjectsCommandInput,
): Promise<Answer<S3.DeleteObjectsCommandOutput>> {
  const bucket = state.bucket(input.Bucket ?? '');
  const asked = input.Delete?.Objects ?? [];
  if (asked.length === 0 || asked.length > MAX_DELETED_KEYS) {
    throw new AwsError(
      'MalformedXML',
      `A request deletes 1 to ${MAX_DELETED_KEYS} keys, not ${asked.length}`,
      400,
    );
  }
  const errors: S3._Error[] = [];
  const deleted: string[] = [];
  for (const { Key = '', VersionId, ETag } of asked) {
    const refusal = refusalOf(() => {
      checkVersion(VersionId);
      if (ETag !== undefined) checkWriteConditions({ IfMatch: ETag }, Key, bucket.objects.get(Key));
    });
    if (refusal) errors.push({ Key, Code: refusal.code, Message: refusal.message });
    else deleted.push(Key);
  }
  await state.removeObjects(bucket, deleted);
  return {
    ...(input.Delete?.Quiet ? {} : { Deleted: deleted.map((Key) => ({ Key })) }),
    ...(errors.length > 0 ? { Errors: errors } : {}),
  };
}

function refusalOf(check: () => void): AwsError | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (error instanceof AwsError) return error;
    throw error;
  }
}

/** @throws AwsError InvalidArgument */
export function checkPartNumber(number: number | undefined): number {
  if (number === undefined || !Number.isInteger(number) || number < 1 || number > 10_000) {
    throw invalidArgument('partNumber', 'Part number must be an integer between 1 and 10000, inclusive');
  }
  return number;
}
