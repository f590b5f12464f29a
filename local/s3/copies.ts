import type * as S3 from '@aws-sdk/client-s3';
import type { Operation, RegionContext } from '../service.ts';
import { AwsError } from '../service.ts';
import type { Checksum, ChecksumAlgorithm } from './checksums.ts';
import { CRCS, checksumMembers, crcToBase64, makeChecksum, parseChecksumAlgorithm } from './checksums.ts';
import { checkReadConditions, checkWriteConditions } from './conditions.ts';
import type { ContentStore } from './content.ts';
import { checkKey, describeObject, encryptionMembers } from './description.ts';
import { invalidArgument, invalidRequest, noSuchUpload, notSimulated } from './errors.ts';
import { checkPartNumber, commitObject, findObject } from './objects.ts';
import type { Piece } from './pieces.ts';
import { sizeOf, slicePieces } from './pieces.ts';
import { parseCopyRange } from './ranges.ts';
import { MAX_PUT_BYTES, newEtag, wholeSeconds } from './receive.ts';
import type { Described, StoredObject } from './records.ts';
import type { BucketState, S3State } from './state.ts';
import { parseTagging } from './tags.ts';

/** Copies within the region: they refer to the source's data files, so they take no time and no space. */
export function makeCopyOperations(state: S3State, context: RegionContext): Record<string, Operation> {
  return {
    CopyObject: (input: S3.CopyObjectCommandInput) => copyObject(state, context, input),
    UploadPartCopy: (input: S3.UploadPartCopyCommandInput) => uploadPartCopy(state, context, input),
  };
}

type CopyInput = S3.CopyObjectCommandInput | S3.UploadPartCopyCommandInput;

/** The source object, if its conditions hold. @throws AwsError NoSuchKey, PreconditionFailed… */
function findSource(state: S3State, input: CopyInput): StoredObject {
  if (input.CopySourceSSECustomerAlgorithm !== undefined) {
    throw notSimulated('encryption with customer-provided keys');
  }
  const source = findObject(state, parseCopySource(input.CopySource));
  try {
    checkReadConditions(
      {
        IfMatch: input.CopySourceIfMatch,
        IfNoneMatch: input.CopySourceIfNoneMatch,
        IfModifiedSince: input.CopySourceIfModifiedSince,
        IfUnmodifiedSince: input.CopySourceIfUnmodifiedSince,
      },
      source,
    );
  } catch (error) {
    // There is no "not modified" for a copy: it fails like the others (CopyObject, x-amz-copy-source-if-none-match).
    if (error instanceof AwsError && error.statusCode === 304) {
      throw new AwsError('PreconditionFailed', error.message, 412);
    }
    throw error;
  }
  return source;
}

/** `bucket/key` or `/bucket/key`, URL-encoded, perhaps with `?versionId=`. @throws AwsError InvalidArgument */
function parseCopySource(source: string | undefined): { Bucket: string; Key: string; VersionId?: string } {
  const [path = '', versionId] = (source ?? '').split(/\?versionId=/);
  const found = /^\/?([^/]+)\/(.+)$/s.exec(decoded(path));
  if (!found?.[1] || !found[2]) {
    throw invalidArgument(
      'x-amz-copy-source',
      'Copy Source must mention the source bucket and key: sourcebucket/sourcekey',
    );
  }
  return { Bucket: found[1], Key: found[2], ...(versionId === undefined ? {} : { VersionId: versionId }) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalidArgument('x-amz-copy-source', 'The copy source is not URL-encoded');
  }
}

async function copyObject(
  state: S3State,
  context: RegionContext,
  input: S3.CopyObjectCommandInput,
): Promise<Partial<S3.CopyObjectCommandOutput>> {
  const key = checkKey(input.Key);
  const bucket = state.bucket(input.Bucket ?? '');
  const source = findSource(state, input);
  if (source.size > MAX_PUT_BYTES) {
    throw invalidRequest(
      `The specified copy source is larger than the maximum allowable size for a copy source: ${MAX_PUT_BYTES}`,
    );
  }
  const described = describeCopy(input, source, bucket);
  if (source === bucket.objects.get(key) && isPlainCopy(input)) {
    throw invalidRequest(
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
    );
  }
  checkWriteConditions(input, key, bucket.objects.get(key));
  const algorithm =
    input.ChecksumAlgorithm === undefined
      ? source.checksum?.algorithm
      : parseChecksumAlgorithm(input.ChecksumAlgorithm);
  state.content.retain(source.pieces);
  const checksum = await copiedChecksum(state.content, source, algorithm);
  const object: StoredObject = {
    kind: 'object',
    bucket: bucket.record.name,
    key,
    pieces: source.pieces,
    size: source.size,
    // The same content put at once has the same etag; a multipart source's would tell of parts that the copy lacks.
    etag: source.partSizes ? newEtag() : source.etag,
    modified: wholeSeconds(context.time.now()),
    ...(checksum ? { checksum: { ...checksum, type: 'FULL_OBJECT' } } : {}),
    described,
  };
  await commitObject(state, { bucket, object, conditions: input });
  return {
    CopyObjectResult: {
      ETag: `"${object.etag}"`,
      LastModified: new Date(object.modified),
      ...checksumMembers(checksum),
      ...(checksum ? { ChecksumType: 'FULL_OBJECT' } : {}),
    },
    ...encryptionMembers(described),
  };
}

/** The checksum that a copy has: the source's where that covers the whole object, else computed. */
async function copiedChecksum(
  content: ContentStore,
  source: StoredObject,
  algorithm: ChecksumAlgorithm | undefined,
): Promise<Checksum | undefined> {
  if (algorithm === undefined) return undefined;
  const { checksum } = source;
  if (checksum?.algorithm === algorithm && checksum.type === 'FULL_OBJECT') return checksum;
  return computeChecksum(content, source.pieces, algorithm);
}

function isPlainCopy(input: S3.CopyObjectCommandInput): boolean {
  return (
    input.MetadataDirective !== 'REPLACE' &&
    input.StorageClass === undefined &&
    input.ServerSideEncryption === undefined &&
    input.WebsiteRedirectLocation === undefined
  );
}

function describeCopy(
  input: S3.CopyObjectCommandInput,
  source: StoredObject,
  bucket: BucketState,
): Described {
  const asked = describeObject({ ...input, Tagging: undefined }, bucket);
  const tags =
    input.TaggingDirective === 'REPLACE' ? parseTagging(input.Tagging ?? '') : source.described.tags;
  if (input.MetadataDirective === 'REPLACE') return { ...asked, tags };
  const { storageClass, encryption, websiteRedirectLocation } = asked;
  return { ...source.described, tags, storageClass, encryption, websiteRedirectLocation };
}

async function uploadPartCopy(
  state: S3State,
  context: RegionContext,
  input: S3.UploadPartCopyCommandInput,
): Promise<Partial<S3.UploadPartCopyCommandOutput>> {
  const number = checkPartNumber(input.PartNumber);
  const upload = state.upload(input);
  const source = findSource(state, input);
  const range = parseCopyRange(input.CopySourceRange, source.size);
  if (range.length > MAX_PUT_BYTES) {
    throw invalidRequest(`A part is at most ${MAX_PUT_BYTES} bytes`);
  }
  const pieces = slicePieces(source.pieces, range.offset, range.length);
  state.content.retain(pieces);
  const { checksumAlgorithm } = upload.record;
  const checksum = checksumAlgorithm && (await computeChecksum(state.content, pieces, checksumAlgorithm));
  if (!state.bucket(input.Bucket ?? '').uploads.has(upload.record.id)) {
    state.content.release(pieces);
    throw noSuchUpload(upload.record.id);
  }
  const modified = wholeSeconds(context.time.now());
  const etag = newEtag();
  await state.savePart(upload, {
    kind: 'part',
    bucket: upload.record.bucket,
    uploadId: upload.record.id,
    number,
    pieces,
    size: range.length,
    etag,
    modified,
    ...(checksum ? { checksum } : {}),
  });
  return {
    CopyPartResult: { ETag: `"${etag}"`, LastModified: new Date(modified), ...checksumMembers(checksum) },
    ...encryptionMembers(upload.record.described),
  };
}

/** The checksum of content that is here already. Zeros are reckoned, not read, where the algorithm allows it. */
async function computeChecksum(
  content: ContentStore,
  pieces: readonly Piece[],
  algorithm: ChecksumAlgorithm,
): Promise<Checksum> {
  const crc = CRCS[algorithm];
  const size = sizeOf(pieces);
  const reader = content.open(pieces);
  try {
    if (!crc) {
      const digest = makeChecksum(algorithm);
      for await (const chunk of reader.chunks(0, size)) digest.update(chunk);
      return { algorithm, value: digest.value() };
    }
    let value = 0n;
    let at = 0;
    for await (const extent of reader.extents()) {
      const gap = extent.offset - at;
      value = crc.combine(value, crc.ofZeros(gap), gap);
      for await (const chunk of reader.chunks(extent.offset, extent.length)) value = crc.update(value, chunk);
      at = extent.offset + extent.length;
    }
    value = crc.combine(value, crc.ofZeros(size - at), size - at);
    return { algorithm, value: crcToBase64(crc, value) };
  } finally {
    await reader.close();
  }
}
