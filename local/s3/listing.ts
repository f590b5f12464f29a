import type * as S3 from '@aws-sdk/client-s3';
import type { Operation, RegionContext } from '../service.ts';
import { ownerOf } from './buckets.ts';
import { invalidArgument } from './errors.ts';
import type { StoredObject } from './records.ts';
import { compareUtf8 } from './sorted-keys.ts';
import type { BucketState, S3State } from './state.ts';

const MAX_LISTED = 1000;

/** Lists of a bucket's keys, old and new. */
export function makeListingOperations(state: S3State, context: RegionContext): Record<string, Operation> {
  return {
    ListObjectsV2: (input: S3.ListObjectsV2CommandInput) => listObjectsV2(state, context, input),
    ListObjects: (input: S3.ListObjectsCommandInput) => listObjects(state, context, input),
  };
}

/** What a page of a list holds: a key, or a common prefix that stands for all keys under it. */
type Listed = { readonly key: string } | { readonly prefix: string };

interface Page {
  readonly listed: readonly Listed[];
  readonly truncated: boolean;
}

export interface PageRequest {
  readonly prefix: string;
  readonly delimiter: string;
  /** Only what comes after this key (or after everything under this common prefix). */
  readonly after: string;
  readonly most: number;
}

/**
 * One page of sorted keys, those that share a prefix up to the next delimiter told once.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-prefixes.html
 */
export function pageOf(
  bucket: Pick<BucketState, 'keys'>,
  { prefix, delimiter, after, most }: PageRequest,
): Page {
  const keys = bucket.keys.all();
  const listed: Listed[] = [];
  const groupOf = (key: string): string | undefined => {
    const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    return end < 0 ? undefined : key.slice(0, end + delimiter.length);
  };
  // A page that ended with a common prefix goes on behind all of its keys.
  const skipped = after.startsWith(prefix) && groupOf(after) === after ? after : undefined;
  let i = bucket.keys.indexFrom(compareUtf8(after, prefix) > 0 ? after : prefix);
  while (i < keys.length) {
    const key = keys[i] ?? '';
    if (!key.startsWith(prefix)) break;
    const group = groupOf(key);
    if (key === after) {
      i += 1;
      continue;
    }
    if (group !== undefined && group === skipped) {
      i = endOfGroup(keys, i, group);
      continue;
    }
    if (listed.length === most) return { listed, truncated: true };
    if (group === undefined) {
      listed.push({ key });
      i += 1;
    } else {
      listed.push({ prefix: group });
      i = endOfGroup(keys, i, group);
    }
  }
  return { listed, truncated: false };
}

/** Index of the first key from `from` on that does not begin with `group`; keys that do are neighbours. */
function endOfGroup(keys: readonly string[], from: number, group: string): number {
  let low = from;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] ?? '').startsWith(group)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How many a page may hold, of what a request asks. S3's message about `max-keys` calls it otherwise. @throws InvalidArgument */
export function checkMost(parameter: string, asked: number | undefined, called = parameter): number {
  if (asked === undefined) return MAX_LISTED;
  if (!Number.isInteger(asked) || asked < 0) {
    throw invalidArgument(parameter, `Argument ${called} must be an integer between 0 and 2147483647`);
  }
  return Math.min(asked, MAX_LISTED);
}

type Encode = (text: string) => string;

/** With encoding-type=url names are percent-encoded, because XML cannot hold every character of a key. */
export function nameEncoder(encodingType: string | undefined): Encode {
  if (encodingType === undefined) return (text) => text;
  if (encodingType !== 'url')
    throw invalidArgument('encoding-type', 'Invalid Encoding Method specified in Request');
  return (text) =>
    encodeURIComponent(text)
      .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
      .replaceAll('%2F', '/');
}

interface Listing {
  readonly bucket: BucketState;
  readonly encode: Encode;
  /** The page behind `after`, and what both lists tell of it. */
  read(after: string): { readonly page: Page; readonly head: ListingHead };
}

type ListingHead = Pick<
  S3.ListObjectsV2CommandOutput,
  'Name' | 'Prefix' | 'MaxKeys' | 'IsTruncated' | 'Delimiter' | 'EncodingType'
>;

/** @throws NoSuchBucket, InvalidArgument */
function parseListing(
  state: S3State,
  input: S3.ListObjectsV2CommandInput | S3.ListObjectsCommandInput,
): Listing {
  const bucket = state.bucket(input.Bucket ?? '');
  const most = checkMost('max-keys', input.MaxKeys, 'maxKeys');
  const encode = nameEncoder(input.EncodingType);
  const { Prefix: prefix = '', Delimiter: delimiter = '' } = input;
  const read = (after: string) => {
    const page =
      most === 0 ? { listed: [], truncated: false } : pageOf(bucket, { prefix, delimiter, after, most });
    const head = {
      Name: bucket.record.name,
      Prefix: encode(prefix),
      MaxKeys: most,
      IsTruncated: page.truncated,
      ...(delimiter === '' ? {} : { Delimiter: encode(delimiter) }),
      ...(input.EncodingType === undefined ? {} : { EncodingType: input.EncodingType }),
    };
    return { page, head };
  };
  return { bucket, encode, read };
}

function listObjectsV2(
  state: S3State,
  context: RegionContext,
  input: S3.ListObjectsV2CommandInput,
): Partial<S3.ListObjectsV2CommandOutput> {
  const { bucket, encode, read } = parseListing(state, input);
  const { ContinuationToken: token, StartAfter: startAfter } = input;
  const { page, head } = read(token === undefined ? (startAfter ?? '') : parseToken(token));
  const last = page.listed.at(-1);
  return {
    ...head,
    KeyCount: page.listed.length,
    ...(token === undefined ? {} : { ContinuationToken: token }),
    ...(startAfter === undefined ? {} : { StartAfter: encode(startAfter) }),
    ...(page.truncated && last ? { NextContinuationToken: makeToken(last) } : {}),
    ...contentsOf(bucket, page, { encode, owner: input.FetchOwner ? ownerOf(context) : undefined }),
  };
}

function listObjects(
  state: S3State,
  context: RegionContext,
  input: S3.ListObjectsCommandInput,
): Partial<S3.ListObjectsCommandOutput> {
  const { bucket, encode, read } = parseListing(state, input);
  const { Marker: after = '' } = input;
  const { page, head } = read(after);
  const last = page.listed.at(-1);
  return {
    ...head,
    Marker: encode(after),
    // Without a delimiter the last key of the page serves as the next marker (ListObjects, NextMarker).
    ...(page.truncated && last && head.Delimiter !== undefined ? { NextMarker: encode(nameOf(last)) } : {}),
    ...contentsOf(bucket, page, { encode, owner: ownerOf(context) }),
  };
}

interface ContentOptions {
  readonly encode: Encode;
  readonly owner: S3.Owner | undefined;
}

function contentsOf(
  bucket: BucketState,
  page: Page,
  { encode, owner }: ContentOptions,
): Pick<S3.ListObjectsV2CommandOutput, 'CommonPrefixes' | 'Contents'> {
  const contents: S3._Object[] = [];
  const prefixes: S3.CommonPrefix[] = [];
  for (const one of page.listed) {
    if ('prefix' in one) prefixes.push({ Prefix: encode(one.prefix) });
    else {
      const object = bucket.objects.get(one.key);
      if (object) contents.push({ ...describeListed(object, encode), ...(owner ? { Owner: owner } : {}) });
    }
  }
  return { Contents: contents, CommonPrefixes: prefixes };
}

function describeListed(object: StoredObject, encode: Encode): S3._Object {
  return {
    Key: encode(object.key),
    LastModified: new Date(object.modified),
    ETag: `"${object.etag}"`,
    Size: object.size,
    StorageClass: object.described.storageClass as S3.ObjectStorageClass,
    ...(object.checksum
      ? { ChecksumAlgorithm: [object.checksum.algorithm], ChecksumType: object.checksum.type }
      : {}),
  };
}

function nameOf(listed: Listed): string {
  return 'key' in listed ? listed.key : listed.prefix;
}

/** Opaque to clients, as S3's is: they must not build one themselves. */
function makeToken(last: Listed): string {
  return Buffer.from(nameOf(last)).toString('base64');
}

function parseToken(token: string): string {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(token)) {
    throw invalidArgument('continuation-token', 'The continuation token provided is incorrect');
  }
  return Buffer.from(token, 'base64').toString('utf8');
}
