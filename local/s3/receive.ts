import { createHash, randomBytes } from 'node:crypto';
import { MalformedChunks } from '../protocols/aws-chunked.ts';
import type { RequestBody } from '../protocols/http-message.ts';
import { AwsError } from '../service.ts';
import { type BodyVerifier, type ChecksumAlgorithm, makeBodyVerifier } from './checksums.ts';
import type { ContentStore, Received } from './content.ts';

/** Most bytes of one PUT or one part (S3 user guide, "Amazon S3 multipart upload limits"). */
export const MAX_PUT_BYTES = 5 * 1024 ** 3;

export interface UploadedBody extends Received {
  readonly etag: string;
  readonly verifier: BodyVerifier;
}

export interface BodyUpload {
  readonly content: ContentStore;
  readonly body: RequestBody;
  /** The input of the operation, for the checksums that it claims. */
  readonly input: Readonly<Record<string, unknown>> & { readonly ContentMD5?: string | undefined };
  readonly wanted?: ChecksumAlgorithm | undefined;
}

/**
 * Takes in the body of an object or a part and checks its length and checksums.
 * @throws AwsError BadDigest, IncompleteBody, MissingContentLength, EntityTooLarge
 */
export async function receiveBody({ content, body, input, wanted }: BodyUpload): Promise<UploadedBody> {
  const { announcedLength } = body;
  if (announcedLength === undefined) {
    throw new AwsError('MissingContentLength', 'You must provide the Content-Length HTTP header.', 411);
  }
  if (announcedLength > MAX_PUT_BYTES) {
    const message = 'Your proposed upload exceeds the maximum allowed size';
    throw new AwsError('EntityTooLarge', message, 400, {
      ProposedSize: announcedLength,
      MaxSizeAllowed: MAX_PUT_BYTES,
    });
  }
  const verifier = makeBodyVerifier({ input, body, wanted });
  let etag: string | undefined;
  const received = await takeIn(content, body, {
    expectedBytes: announcedLength,
    onBytes: (bytes) => verifier.update(bytes),
    // A true MD5 where it costs nothing; see newEtag for the rest.
    onSmall: (bytes) => {
      etag = createHash('md5').update(bytes).digest('hex');
    },
  });
  try {
    if (received.size !== announcedLength) throw incompleteBody();
    verifier.verify();
  } catch (error) {
    content.release(received.pieces);
    throw error;
  }
  return { ...received, etag: etag ?? newEtag(), verifier };
}

async function takeIn(
  ...[content, ...rest]: [ContentStore, ...Parameters<ContentStore['receive']>]
): Promise<Received> {
  try {
    return await content.receive(...rest);
  } catch (error) {
    if (error instanceof MalformedChunks) throw incompleteBody();
    throw error;
  }
}

const incompleteBody = () =>
  new AwsError(
    'IncompleteBody',
    'You did not provide the number of bytes specified by the Content-Length HTTP header',
    400,
  );

/**
 * An etag that tells nothing but "another content". S3's is the MD5 only for objects without KMS encryption, and
 * AWS warns not to count on it; computing it would halve the speed at which the region takes in data.
 */
export function newEtag(): string {
  return randomBytes(16).toString('hex');
}

/** Etag of a multipart object: the MD5 of its parts' etags, and their number. */
export function multipartEtag(partEtags: readonly string[]): string {
  const digest = createHash('md5')
    .update(Buffer.from(partEtags.join(''), 'hex'))
    .digest('hex');
  return `${digest}-${partEtags.length}`;
}

/** S3 keeps times to the second. */
export function wholeSeconds(time: Date): number {
  return Math.floor(time.getTime() / 1000) * 1000;
}
