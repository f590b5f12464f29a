import {
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  PutObjectCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { awsErrorCode } from '../runtime/aws-errors.ts';
import { readPlan, restoreContextSchema } from '../runtime/ledger.ts';
import { s3 } from '../runtime/s3.ts';
import { makeStep } from '../runtime/step.ts';
import { ZERO_OBJECT_KEY } from './upload/zero-object.ts';

// The only zeros that are ever sent; the zero object is made of server-side copies of them.
const SEED_BYTES = 64 * 1024 ** 2;
const SEED_KEY = 'zeros-seed';
const COPIES_IN_FLIGHT = 8;

/** Makes the all-zero object that all-zero parts are copied from, without sending its size. */
export const handler = makeStep(restoreContextSchema, async (context) => {
  const { temporaryBucket: Bucket, zeroObjectBytes } = await readPlan(context);
  if ((await objectSize(Bucket, ZERO_OBJECT_KEY)) === zeroObjectBytes) return { bytes: zeroObjectBytes };
  const seedBytes = Math.min(SEED_BYTES, zeroObjectBytes);
  const seedKey = seedBytes === zeroObjectBytes ? ZERO_OBJECT_KEY : SEED_KEY;
  await s3.send(new PutObjectCommand({ Bucket, Key: seedKey, Body: Buffer.alloc(seedBytes) }));
  if (seedKey !== ZERO_OBJECT_KEY) await multiply(Bucket, zeroObjectBytes);
  return { bytes: zeroObjectBytes };
});

async function multiply(Bucket: string, totalBytes: number): Promise<void> {
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: ZERO_OBJECT_KEY }));
  const Parts: CompletedPart[] = [];
  const partCount = Math.ceil(totalBytes / SEED_BYTES);
  const copyPart = async (PartNumber: number): Promise<void> => {
    const bytes = Math.min(SEED_BYTES, totalBytes - (PartNumber - 1) * SEED_BYTES);
    const { CopyPartResult } = await s3.send(
      new UploadPartCopyCommand({
        Bucket,
        Key: ZERO_OBJECT_KEY,
        UploadId,
        PartNumber,
        CopySource: `${Bucket}/${SEED_KEY}`,
        CopySourceRange: `bytes=0-${bytes - 1}`,
      }),
    );
    Parts[PartNumber - 1] = { PartNumber, ETag: CopyPartResult?.ETag };
  };
  for (let first = 1; first <= partCount; first += COPIES_IN_FLIGHT) {
    const numbers = Array.from(
      { length: Math.min(COPIES_IN_FLIGHT, partCount - first + 1) },
      (_, i) => first + i,
    );
    await Promise.all(numbers.map(copyPart));
  }
  await s3.send(
    new CompleteMultipartUploadCommand({
      Bucket,
      Key: ZERO_OBJECT_KEY,
      UploadId,
      MultipartUpload: { Parts },
    }),
  );
}

async function objectSize(Bucket: string, Key: string): Promise<number | undefined> {
  try {
    return (await s3.send(new HeadObjectCommand({ Bucket, Key }))).ContentLength;
  } catch (error) {
    // A HEAD has no body to name the error in.
    if (awsErrorCode(error) === 'NotFound' || awsErrorCode(error) === 'NoSuchKey') return undefined;
    throw error;
  }
}
