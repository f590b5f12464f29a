import { type CompletedPart, CompleteMultipartUploadCommand, HeadObjectCommand } from '@aws-sdk/client-s3';
import { awsErrorCode } from '../../runtime/aws-errors.ts';
import { s3 } from '../../runtime/s3.ts';

/**
 * Checksum of every part. The SDK sends this one with a part by itself; S3 then wants it named when the upload is
 * begun, and given for each part when it is completed.
 */
export const PART_CHECKSUM = 'CRC32';

export interface ObjectName {
  readonly Bucket: string;
  readonly Key: string;
}

/** Size of an object, undefined where there is none. */
export async function objectSize(object: ObjectName): Promise<number | undefined> {
  try {
    return (await s3.send(new HeadObjectCommand(object))).ContentLength;
  } catch (error) {
    // A HEAD has no body to name the error in.
    const code = awsErrorCode(error);
    if (code === 'NotFound' || code === 'NoSuchKey') return undefined;
    throw error;
  }
}

/** Completes an upload to an object of `bytes` bytes. Completing it again, after a lost answer, is fine. */
export async function completeUpload(
  object: ObjectName,
  { uploadId, parts, bytes }: { uploadId: string | undefined; parts: CompletedPart[]; bytes: number },
): Promise<void> {
  try {
    await s3.send(
      new CompleteMultipartUploadCommand({
        ...object,
        UploadId: uploadId,
        MpuObjectSize: bytes,
        MultipartUpload: { Parts: parts },
      }),
    );
  } catch (error) {
    // The try before this one completed it: the upload is gone because the object is there.
    if (awsErrorCode(error) !== 'NoSuchUpload' || (await objectSize(object)) !== bytes) throw error;
  }
}
