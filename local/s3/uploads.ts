import { randomBytes } from 'node:crypto';
import type * as S3 from '@aws-sdk/client-s3';
import type { RequestBody } from '../protocols/http-message.ts';
import type { Operation, RegionContext } from '../service.ts';
import { AwsError } from '../service.ts';
import type { ChecksumAlgorithm, ChecksumType } from './checksums.ts';
import { checksumMembers, claimedChecksums, parseChecksumAlgorithm } from './checksums.ts';
import { completeMultipartUpload } from './complete-upload.ts';
import { checkKey, describeObject, encryptionMembers } from './description.ts';
import { invalidRequest, noSuchUpload } from './errors.ts';
import { checkPartNumber } from './objects.ts';
import { receiveBody, wholeSeconds } from './receive.ts';
import type { StoredUpload } from './records.ts';
import type { S3State } from './state.ts';

/** Multipart uploads, but for their copies and lists. */
export function makeUploadOperations(state: S3State, context: RegionContext): Record<string, Operation> {
  return {
    CreateMultipartUpload: (input: S3.CreateMultipartUploadCommandInput) =>
      createUpload(state, context, input),
    UploadPart: (input: UploadPartInput) => uploadPart(state, context, input),
    CompleteMultipartUpload: (input: S3.CompleteMultipartUploadCommandInput) =>
      completeMultipartUpload(state, context, input),
    AbortMultipartUpload: async (input: S3.AbortMultipartUploadCommandInput) => {
      await state.removeUpload(state.bucket(input.Bucket ?? ''), state.upload(input));
      return {};
    },
  };
}

async function createUpload(
  state: S3State,
  context: RegionContext,
  input: S3.CreateMultipartUploadCommandInput,
): Promise<Partial<S3.CreateMultipartUploadCommandOutput>> {
  const key = checkKey(input.Key);
  const bucket = state.bucket(input.Bucket ?? '');
  const described = describeObject(input, bucket);
  const checksum = uploadChecksum(input);
  const upload: StoredUpload = {
    kind: 'upload',
    id: randomBytes(32).toString('base64url'),
    bucket: bucket.record.name,
    key,
    initiated: wholeSeconds(context.time.now()),
    ...checksum,
    described,
  };
  await state.saveUpload(bucket, upload);
  return {
    Bucket: upload.bucket,
    Key: key,
    UploadId: upload.id,
    ...(checksum.checksumAlgorithm ? { ChecksumAlgorithm: checksum.checksumAlgorithm } : {}),
    ...(checksum.checksumType ? { ChecksumType: checksum.checksumType } : {}),
    ...encryptionMembers(described),
  };
}

interface UploadChecksum {
  readonly checksumAlgorithm?: ChecksumAlgorithm;
  readonly checksumType?: ChecksumType;
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html */
function uploadChecksum(input: S3.CreateMultipartUploadCommandInput): UploadChecksum {
  if (input.ChecksumAlgorithm === undefined) return {};
  const checksumAlgorithm = parseChecksumAlgorithm(input.ChecksumAlgorithm);
  const onlyWhole = checksumAlgorithm === 'CRC64NVME';
  const onlyComposite = checksumAlgorithm === 'SHA1' || checksumAlgorithm === 'SHA256';
  const asked = input.ChecksumType ?? (onlyWhole ? 'FULL_OBJECT' : 'COMPOSITE');
  if ((asked === 'COMPOSITE' && onlyWhole) || (asked === 'FULL_OBJECT' && onlyComposite)) {
    throw invalidRequest(
      `The ${asked} checksum type cannot be used with the ${checksumAlgorithm.toLowerCase()} checksum algorithm.`,
    );
  }
  return { checksumAlgorithm, checksumType: asked };
}

type UploadPartInput = Omit<S3.UploadPartCommandInput, 'Body'> & { readonly Body: RequestBody };

async function uploadPart(
  state: S3State,
  context: RegionContext,
  input: UploadPartInput,
): Promise<Partial<S3.UploadPartCommandOutput>> {
  const number = checkPartNumber(input.PartNumber);
  const upload = state.upload(input);
  const { checksumAlgorithm } = upload.record;
  refuseOtherChecksums(input, checksumAlgorithm);
  const uploaded = await receiveBody({
    content: state.content,
    body: input.Body,
    input,
    wanted: checksumAlgorithm,
  });
  // The upload may have been completed or aborted while the part came in.
  if (state.buckets.get(upload.record.bucket)?.uploads.get(upload.record.id) !== upload) {
    state.content.release(uploaded.pieces);
    throw noSuchUpload(upload.record.id);
  }
  const claimed = uploaded.verifier.claimed();
  const checksum = checksumAlgorithm ? uploaded.verifier.computed(checksumAlgorithm) : claimed;
  await state.savePart(upload, {
    kind: 'part',
    bucket: upload.record.bucket,
    uploadId: upload.record.id,
    number,
    pieces: uploaded.pieces,
    size: uploaded.size,
    etag: uploaded.etag,
    modified: wholeSeconds(context.time.now()),
    ...(checksum ? { checksum } : {}),
  });
  return {
    ETag: `"${uploaded.etag}"`,
    ...checksumMembers(checksum),
    ...encryptionMembers(upload.record.described),
  };
}

function refuseOtherChecksums(input: UploadPartInput, expected: ChecksumAlgorithm | undefined): void {
  const { Body: body, ...members } = input;
  const sent = [
    ...claimedChecksums(members).map(({ algorithm }) => algorithm),
    ...body.announcedTrailers.flatMap((name) => /^x-amz-checksum-(.+)$/.exec(name)?.[1]?.toUpperCase() ?? []),
  ];
  const other = sent.find((algorithm) => expected !== undefined && algorithm !== expected);
  if (other === undefined) return;
  throw new AwsError(
    'InvalidRequest',
    `Checksum Type mismatch occurred, expected checksum Type: ${expected?.toLowerCase()}, actual checksum Type: ${other.toLowerCase()}`,
    400,
  );
}
