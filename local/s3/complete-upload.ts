import type * as S3 from '@aws-sdk/client-s3';
import type { RegionContext } from '../service.ts';
import { AwsError } from '../service.ts';
import {
  CRCS,
  checksumMembers,
  claimedChecksums,
  crcFromBase64,
  crcToBase64,
  makeChecksum,
} from './checksums.ts';
import { checkWriteConditions } from './conditions.ts';
import { encryptionMembers } from './description.ts';
import { badDigest, invalidRequest } from './errors.ts';
import { joinPieces } from './pieces.ts';
import { multipartEtag, wholeSeconds } from './receive.ts';
import type { StoredChecksum, StoredObject, StoredPart, StoredUpload } from './records.ts';
import type { S3State, UploadState } from './state.ts';

/** Every part but the last has at least this many bytes (S3 user guide, "Amazon S3 multipart upload limits"). */
const MIN_PART_BYTES = 5 * 1024 * 1024;
/** 50 TB (S3 user guide, "qfacts", 2026). */
const MAX_OBJECT_BYTES = 48.8 * 1024 ** 4;

/** Makes one object of the parts named, which must be in ascending order. No byte is copied. */
export async function completeMultipartUpload(
  state: S3State,
  context: RegionContext,
  input: S3.CompleteMultipartUploadCommandInput,
): Promise<Partial<S3.CompleteMultipartUploadCommandOutput>> {
  const bucket = state.bucket(input.Bucket ?? '');
  const upload = state.upload(input);
  const parts = partsNamed(upload, input.MultipartUpload?.Parts ?? []);
  checkSizes(parts, input.MpuObjectSize);
  checkWriteConditions(input, upload.record.key, bucket.objects.get(upload.record.key));
  const checksum = objectChecksum(upload.record, parts);
  for (const claim of claimedChecksums({ ...input })) {
    if (checksum?.algorithm === claim.algorithm && checksum.value !== claim.value)
      throw badDigest(claim.algorithm);
  }
  const object: StoredObject = {
    kind: 'object',
    bucket: upload.record.bucket,
    key: upload.record.key,
    pieces: joinPieces(parts.flatMap((part) => part.pieces)),
    size: parts.reduce((size, part) => size + part.size, 0),
    etag: multipartEtag(parts.map((part) => part.etag)),
    modified: wholeSeconds(context.time.now()),
    ...(checksum ? { checksum } : {}),
    partSizes: parts.map((part) => part.size),
    described: upload.record.described,
  };
  await state.completeUpload({ bucket, upload, object, used: new Set(parts.map((part) => part.number)) });
  return {
    Location: `${context.endpoint}/${object.bucket}/${encodeURIComponent(object.key)}`,
    Bucket: object.bucket,
    Key: object.key,
    ETag: `"${object.etag}"`,
    ...checksumMembers(checksum),
    ...(checksum ? { ChecksumType: checksum.type } : {}),
    ...encryptionMembers(object.described),
  };
}

function partsNamed(upload: UploadState, named: readonly S3.CompletedPart[]): StoredPart[] {
  if (named.length === 0) throw new AwsError('MalformedXML', 'You must specify at least one part', 400);
  const needsChecksums =
    upload.record.checksumType === 'COMPOSITE' ? upload.record.checksumAlgorithm : undefined;
  let before = 0;
  return named.map((claim) => {
    const number = claim.PartNumber ?? 0;
    if (number <= before) {
      const message = 'The list of parts was not in ascending order. Parts must be ordered by part number.';
      throw new AwsError('InvalidPartOrder', message, 400, { UploadId: upload.record.id });
    }
    before = number;
    const part = upload.parts.get(number);
    if (!part || claim.ETag?.replaceAll('"', '') !== part.etag) throw invalidPart(upload, number);
    const checksums = claimedChecksums({ ...claim });
    for (const { algorithm, value } of checksums) {
      if (part.checksum?.algorithm === algorithm && part.checksum.value !== value)
        throw invalidPart(upload, number);
    }
    if (needsChecksums && !checksums.some(({ algorithm }) => algorithm === needsChecksums)) {
      throw invalidRequest(
        `The upload was created using a ${needsChecksums.toLowerCase()} checksum. The complete request must include the checksum for each part. It was missing for part ${number} in the request.`,
      );
    }
    return part;
  });
}

function invalidPart(upload: UploadState, number: number): AwsError {
  const message =
    "One or more of the specified parts could not be found. The part might not have been uploaded, or the specified entity tag might not have matched the part's entity tag.";
  return new AwsError('InvalidPart', message, 400, { UploadId: upload.record.id, PartNumber: number });
}

function checkSizes(parts: readonly StoredPart[], announced: number | undefined): void {
  for (const part of parts.slice(0, -1)) {
    if (part.size >= MIN_PART_BYTES) continue;
    throw new AwsError(
      'EntityTooSmall',
      'Your proposed upload is smaller than the minimum allowed size',
      400,
      {
        ProposedSize: part.size,
        MinSizeAllowed: MIN_PART_BYTES,
        PartNumber: part.number,
        ETag: part.etag,
      },
    );
  }
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  if (size > MAX_OBJECT_BYTES) {
    throw new AwsError('EntityTooLarge', 'Your proposed upload exceeds the maximum allowed object size', 400);
  }
  if (announced !== undefined && announced !== size) {
    throw invalidRequest(
      `The provided 'x-amz-mp-object-size' header value ${announced} does not match what was computed: ${size}`,
    );
  }
}

/**
 * The object's checksum, from those of its parts: of their checksums (COMPOSITE, with the number of parts), or
 * of the whole object (FULL_OBJECT), which a CRC can be combined to without reading it again.
 */
function objectChecksum(upload: StoredUpload, parts: readonly StoredPart[]): StoredChecksum | undefined {
  const { checksumAlgorithm: algorithm, checksumType: type } = upload;
  if (!algorithm || !type) return undefined;
  if (type === 'COMPOSITE') {
    const digest = makeChecksum(algorithm);
    for (const part of parts) digest.update(Buffer.from(part.checksum?.value ?? '', 'base64'));
    return { algorithm, type, value: `${digest.value()}-${parts.length}` };
  }
  const crc = CRCS[algorithm];
  if (!crc) return undefined;
  const value = parts.reduce(
    (sum, part) => crc.combine(sum, crcFromBase64(part.checksum?.value ?? ''), part.size),
    0n,
  );
  return { algorithm, type, value: crcToBase64(crc, value) };
}
