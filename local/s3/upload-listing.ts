import type * as S3 from '@aws-sdk/client-s3';
import type { Operation, RegionContext } from '../service.ts';
import { ownerOf } from './buckets.ts';
import { checksumMembers } from './checksums.ts';
import { invalidArgument, notSimulated } from './errors.ts';
import { checkMost, nameEncoder } from './listing.ts';
import type { StoredUpload } from './records.ts';
import { compareUtf8 } from './sorted-keys.ts';
import type { S3State } from './state.ts';

/** Lists of uploads in progress and of their parts. */
export function makeUploadListingOperations(
  state: S3State,
  context: RegionContext,
): Record<string, Operation> {
  return {
    ListParts: (input: S3.ListPartsCommandInput) => listParts(state, context, input),
    ListMultipartUploads: (input: S3.ListMultipartUploadsCommandInput) => listUploads(state, context, input),
  };
}

function listParts(
  state: S3State,
  context: RegionContext,
  input: S3.ListPartsCommandInput,
): Partial<S3.ListPartsCommandOutput> {
  const { record, parts } = state.upload(input);
  const most = checkMost('max-parts', input.MaxParts);
  // The schema has the marker as text, the API as a number.
  const after = Number(input.PartNumberMarker ?? 0);
  if (!Number.isInteger(after)) throw invalidArgument('part-number-marker', 'The marker must be a number');
  const later = [...parts.values()].filter((part) => part.number > after).sort((a, b) => a.number - b.number);
  const page = later.slice(0, most);
  return {
    Bucket: record.bucket,
    Key: record.key,
    UploadId: record.id,
    PartNumberMarker: String(after),
    NextPartNumberMarker: String(page.at(-1)?.number ?? 0),
    MaxParts: most,
    IsTruncated: page.length < later.length,
    StorageClass: record.described.storageClass as S3.StorageClass,
    Owner: ownerOf(context),
    Initiator: ownerOf(context),
    Parts: page.map((part) => ({
      PartNumber: part.number,
      LastModified: new Date(part.modified),
      ETag: `"${part.etag}"`,
      Size: part.size,
      ...checksumMembers(part.checksum),
    })),
    ...checksumKind(record),
  };
}

function checksumKind({ checksumAlgorithm, checksumType }: StoredUpload) {
  return {
    ...(checksumAlgorithm ? { ChecksumAlgorithm: checksumAlgorithm } : {}),
    ...(checksumType ? { ChecksumType: checksumType } : {}),
  };
}

function listUploads(
  state: S3State,
  context: RegionContext,
  input: S3.ListMultipartUploadsCommandInput,
): Partial<S3.ListMultipartUploadsCommandOutput> {
  if (input.Delimiter !== undefined) throw notSimulated('the delimiter of ListMultipartUploads');
  const bucket = state.bucket(input.Bucket ?? '');
  const most = checkMost('max-uploads', input.MaxUploads);
  const encode = nameEncoder(input.EncodingType);
  const { Prefix: prefix = '', KeyMarker: keyMarker = '', UploadIdMarker: idMarker } = input;
  const later = [...bucket.uploads.values()]
    .map(({ record }) => record)
    .filter((record) => record.key.startsWith(prefix) && isAfter(record, keyMarker, idMarker))
    .sort((a, b) => compareUtf8(a.key, b.key) || compareUtf8(a.id, b.id));
  const page = later.slice(0, most);
  const last = page.at(-1);
  const truncated = page.length < later.length;
  return {
    Bucket: bucket.record.name,
    Prefix: encode(prefix),
    KeyMarker: encode(keyMarker),
    UploadIdMarker: idMarker ?? '',
    MaxUploads: most,
    IsTruncated: truncated,
    ...(input.EncodingType === undefined ? {} : { EncodingType: input.EncodingType }),
    ...(truncated && last ? { NextKeyMarker: encode(last.key), NextUploadIdMarker: last.id } : {}),
    Uploads: page.map((record) => ({
      Key: encode(record.key),
      UploadId: record.id,
      Initiated: new Date(record.initiated),
      StorageClass: record.described.storageClass as S3.StorageClass,
      Owner: ownerOf(context),
      Initiator: ownerOf(context),
      ...checksumKind(record),
    })),
  };
}

/** Behind the key marker, or behind the upload marker within that key (ListMultipartUploads, upload-id-marker). */
function isAfter(record: StoredUpload, keyMarker: string, idMarker: string | undefined): boolean {
  const order = compareUtf8(record.key, keyMarker);
  if (order !== 0) return order > 0;
  return idMarker !== undefined && compareUtf8(record.id, idMarker) > 0;
}
