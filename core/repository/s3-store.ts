import { setTimeout as sleep } from 'node:timers/promises';
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  PutObjectCommand,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { isPassingS3Error } from './passing.ts';
import {
  checkKey,
  checkPrefix,
  isKey,
  ObjectNotFound,
  type ObjectRange,
  ObjectTooShort,
  type Store,
  StoreAccessDenied,
  type StoredObject,
  StoreFailed,
  StoreNotFound,
} from './store.ts';

export { makeS3Client, parseS3Url } from './s3-client.ts';

// A whole call, with all attempts and pauses between them.
const CALL_TIMEOUT_MS = 600_000;

export interface S3StoreOptions {
  /** Made by `makeS3Client`, or with timeouts and retries of its own. */
  readonly client: S3Client;
  readonly bucket: string;
  /** With or without a slash at its end; empty for the whole bucket. */
  readonly prefix?: string;
}

interface Place {
  readonly client: S3Client;
  readonly bucket: string;
  /** Empty, or with a slash at its end. */
  readonly prefix: string;
  readonly url: string;
}

/** Objects in a bucket, under a prefix. */
export function makeS3Store({ client, bucket, prefix: given = '' }: S3StoreOptions): Store {
  const bare = given.replace(/\/$/, '');
  if (bare !== '') checkKey(bare);
  const prefix = bare === '' ? '' : `${bare}/`;
  const place: Place = { client, bucket, prefix, url: `s3://${bucket}/${bare}`.replace(/\/$/, '') };
  return {
    url: place.url,
    get: (key, { signal: given, ...range } = {}) =>
      withDeadline(given, (signal) => getObject(place, { key: checkKey(key), range, signal, given })),
    put: (key, bytes, { ifAbsent = false, signal: given } = {}) =>
      withDeadline(given, (signal) =>
        putObject(place, { key: checkKey(key), bytes, ifAbsent, signal, given }),
      ),
    list: (start, { startAfter, signal } = {}) =>
      listObjects(place, { start: checkPrefix(start), startAfter, signal }),
    delete: (keys) => deleteObjects(place, keys.map(checkKey)),
  };
}

/**
 * Gives one call a signal: the caller's, and a deadline that ends it whatever happens. Not AbortSignal.timeout: together with
 * AbortSignal.any it would keep a kilobyte for every call until its deadline, long after it was answered.
 */
async function withDeadline<Result>(
  given: AbortSignal | undefined,
  call: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const deadline = new AbortController();
  const timer = setTimeout(() => {
    deadline.abort(new DOMException(`no answer within ${CALL_TIMEOUT_MS} ms`, 'TimeoutError'));
  }, CALL_TIMEOUT_MS);
  try {
    return await call(given ? AbortSignal.any([given, deadline.signal]) : deadline.signal);
  } finally {
    clearTimeout(timer);
  }
}

interface Call {
  readonly key: string;
  readonly signal: AbortSignal;
  /** The caller's own. */
  readonly given: AbortSignal | undefined;
}

interface Get extends Call {
  readonly range: ObjectRange;
}

// The SDK retries a request until its headers are there; a body that breaks off is asked for again here.
const BODY_ATTEMPTS = 3;

async function getObject(place: Place, { key, range, signal, given }: Get): Promise<Uint8Array> {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await sendGet(place, { key, range, signal, given });
    try {
      return await readBody(answer, { key, range, url: place.url });
    } catch (error) {
      if (error instanceof ObjectTooShort) throw error;
      if (attempt >= BODY_ATTEMPTS || signal.aborted) throw translate(error, { place, key, signal: given });
    }
  }
}

async function sendGet(place: Place, { key, range, signal, given }: Get): Promise<GetObjectCommandOutput> {
  const { offset = 0, length } = range;
  const last = length === undefined ? '' : offset + length - 1;
  const Range = offset === 0 && length === undefined ? undefined : `bytes=${offset}-${last}`;
  try {
    const command = new GetObjectCommand({ Bucket: place.bucket, Key: place.prefix + key, Range });
    return await place.client.send(command, { abortSignal: signal });
  } catch (error) {
    if (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 416) {
      throw new ObjectTooShort(key, { url: place.url, wanted: range });
    }
    throw translate(error, { place, key, signal: given });
  }
}

/** The body in one buffer of the announced length; a body of another length is an error. */
async function readBody(
  { Body, ContentLength: size = 0 }: GetObjectCommandOutput,
  { key, range, url }: { key: string; range: ObjectRange; url: string },
): Promise<Uint8Array> {
  // In Node the body is a stream of Buffers; anything else is not what this was built for.
  if (!Body || !(Symbol.asyncIterator in Body))
    throw new TypeError('the body of an S3 object is not a stream');
  const bytes = Buffer.allocUnsafe(size);
  let done = 0;
  for await (const chunk of Body) {
    if (!(chunk instanceof Uint8Array)) throw new TypeError('the body of an S3 object is not bytes');
    if (done + chunk.length > size)
      throw new RangeError(`object ${key} is longer than the ${size} bytes announced`);
    bytes.set(chunk, done);
    done += chunk.length;
  }
  if (done !== size) throw new RangeError(`object ${key} broke off after ${done} of ${size} bytes`);
  if (range.length !== undefined && size !== range.length)
    throw new ObjectTooShort(key, { url, wanted: range });
  return bytes;
}

interface Put extends Call {
  readonly bytes: Uint8Array;
  readonly ifAbsent: boolean;
}

const CONFLICT_ATTEMPTS = 8;
const CONFLICT_PAUSE_MS = 100;

async function putObject(
  place: Place,
  { key, bytes, ifAbsent, signal, given }: Put,
): Promise<'written' | 'exists'> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await place.client.send(
        new PutObjectCommand({
          Bucket: place.bucket,
          Key: place.prefix + key,
          Body: bytes,
          ContentLength: bytes.length,
          ...(ifAbsent && { IfNoneMatch: '*' }),
        }),
        { abortSignal: signal },
      );
      return 'written';
    } catch (error) {
      const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
      if (ifAbsent && status === 412) return 'exists';
      // Another conditional put of the key was under way (ConditionalRequestConflict): S3 says to try again.
      if (status !== 409 || attempt >= CONFLICT_ATTEMPTS)
        throw translate(error, { place, key, signal: given });
      await pause(CONFLICT_PAUSE_MS * attempt, { place, key, signal, given });
    }
  }
}

async function pause(
  ms: number,
  {
    place,
    key,
    signal,
    given,
  }: { place: Place; key: string; signal: AbortSignal; given: AbortSignal | undefined },
): Promise<void> {
  try {
    // Jitter, so that those who collided do not collide again.
    await sleep(ms * (0.5 + Math.random()), undefined, { signal });
  } catch (error) {
    throw translate(error, { place, key, signal: given });
  }
}

interface List {
  readonly start: string;
  readonly startAfter: string | undefined;
  readonly signal: AbortSignal | undefined;
}

async function* listObjects(
  place: Place,
  { start, startAfter, signal: given }: List,
): AsyncGenerator<StoredObject> {
  let token: string | undefined;
  do {
    const page = await listPage(place, { start, startAfter, token, given });
    for (const { Key, Size = 0, LastModified } of page.Contents ?? []) {
      const key = Key?.slice(place.prefix.length) ?? '';
      // What is no key (the "folders" that consoles make) is not of the repository.
      if (isKey(key)) yield { key, size: Size, modified: LastModified ?? new Date(0) };
    }
    token = page.IsTruncated ? page.NextContinuationToken : undefined;
  } while (token !== undefined);
}

async function listPage(
  place: Place,
  {
    start,
    startAfter,
    token,
    given,
  }: Omit<List, 'signal'> & { token: string | undefined; given: AbortSignal | undefined },
): Promise<ListObjectsV2CommandOutput> {
  try {
    const command = new ListObjectsV2Command({
      Bucket: place.bucket,
      Prefix: place.prefix + start,
      ContinuationToken: token,
      ...(startAfter !== undefined && { StartAfter: place.prefix + startAfter }),
    });
    return await withDeadline(given, (abortSignal) => place.client.send(command, { abortSignal }));
  } catch (error) {
    throw translate(error, { place, key: `${start}…`, signal: given });
  }
}

/** S3's limit. */
const DELETES_AT_ONCE = 1000;

async function deleteObjects(place: Place, keys: readonly string[]): Promise<void> {
  for (let from = 0; from < keys.length; from += DELETES_AT_ONCE) {
    const Objects = keys.slice(from, from + DELETES_AT_ONCE).map((key) => ({ Key: place.prefix + key }));
    const first = keys[from] ?? '';
    try {
      const command = new DeleteObjectsCommand({ Bucket: place.bucket, Delete: { Objects, Quiet: true } });
      const { Errors = [] } = await withDeadline(undefined, (abortSignal) =>
        place.client.send(command, { abortSignal }),
      );
      const failed = Errors[0];
      if (failed)
        throw new RangeError(
          `${Errors.length} objects were not deleted: ${failed.Key} ${failed.Code} ${failed.Message}`,
        );
    } catch (error) {
      throw translate(error, { place, key: first, signal: undefined });
    }
  }
}

/** One of the store's errors for what the SDK threw; the signal's reason where the caller stopped it. */
function translate(
  error: unknown,
  { place: { url, bucket }, key, signal }: { place: Place; key: string; signal: AbortSignal | undefined },
): unknown {
  if (signal?.aborted) return signal.reason;
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  if (!(error instanceof S3ServiceException)) {
    // Connections and timeouts: nothing says that it will not work next time.
    return new StoreFailed(`object ${key} in ${url}: ${text}`, { retryable: true, cause: error });
  }
  if (error.name === 'NoSuchKey') return new ObjectNotFound(key, { url, cause: error });
  if (error.name === 'NoSuchBucket')
    return new StoreNotFound(`there is no bucket ${bucket}`, { cause: error });
  const status = error.$metadata.httpStatusCode ?? 0;
  if (status === 403) return new StoreAccessDenied(`object ${key} in ${url}: ${text}`, { cause: error });
  const retryable = isPassingS3Error(error);
  return new StoreFailed(`object ${key} in ${url}: ${text}`, { retryable, cause: error });
}
