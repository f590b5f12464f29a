import { AwsError } from '../service.ts';
import { noSuchKey, notSimulated, preconditionFailed } from './errors.ts';
import type { StoredObject } from './records.ts';

export interface WriteConditions {
  readonly IfMatch?: string | undefined;
  readonly IfNoneMatch?: string | undefined;
}

/**
 * Whether a write may go ahead, given what is under the key now.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
 * @throws AwsError PreconditionFailed, NoSuchKey, NotImplemented
 */
export function checkWriteConditions(
  conditions: WriteConditions,
  key: string,
  existing: StoredObject | undefined,
): void {
  const { IfMatch, IfNoneMatch } = conditions;
  if (IfNoneMatch !== undefined) {
    if (IfNoneMatch !== '*') throw notSimulated('If-None-Match with anything but * on a write');
    if (existing) throw preconditionFailed('If-None-Match');
  }
  if (IfMatch !== undefined) {
    if (!existing) throw noSuchKey(key);
    if (!matchesEtag(IfMatch, existing.etag)) throw preconditionFailed('If-Match');
  }
}

export interface ReadConditions {
  readonly IfMatch?: string | undefined;
  readonly IfNoneMatch?: string | undefined;
  readonly IfModifiedSince?: Date | undefined;
  readonly IfUnmodifiedSince?: Date | undefined;
}

/**
 * Whether an object is to be given to a reader; an etag condition outweighs the date that goes with it (RFC 9110).
 * @throws AwsError PreconditionFailed, NotModified
 */
export function checkReadConditions(conditions: ReadConditions, object: StoredObject): void {
  const { IfMatch, IfNoneMatch, IfModifiedSince, IfUnmodifiedSince } = conditions;
  if (IfMatch !== undefined) {
    if (!matchesEtag(IfMatch, object.etag)) throw preconditionFailed('If-Match');
  } else if (IfUnmodifiedSince && object.modified > IfUnmodifiedSince.getTime()) {
    throw preconditionFailed('If-Unmodified-Since');
  }
  if (IfNoneMatch !== undefined) {
    if (matchesEtag(IfNoneMatch, object.etag)) throw notModified();
  } else if (IfModifiedSince && object.modified <= IfModifiedSince.getTime()) throw notModified();
}

const notModified = () => new AwsError('NotModified', 'Not Modified', 304);

/** `*`, one etag or several, with or without quotes. */
function matchesEtag(wanted: string, etag: string): boolean {
  return wanted
    .split(',')
    .map((one) => one.trim().replace(/^W\//, '').replaceAll('"', ''))
    .some((one) => one === '*' || one === etag);
}
