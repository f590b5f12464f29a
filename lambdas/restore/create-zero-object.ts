import {
  type CompletedPart,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { readPlan, restoreContextSchema } from '../runtime/ledger.ts';
import { s3 } from '../runtime/s3.ts';
import { makeStep } from '../runtime/step.ts';
import { completeUpload, objectSize, PART_CHECKSUM } from './upload/complete.ts';
import { plannedUpload } from './upload/planned.ts';
import { ZERO_OBJECT_KEY } from './upload/zero-object.ts';

// The only zeros that are ever sent; the zero object is made of server-side copies of them.
const SEED_BYTES = 64 * 1024 ** 2;
const SEED_KEY = 'zeros-seed';
const COPIES_IN_FLIGHT = 8;

/** Makes the all-zero object that all-zero parts are copied from, without sending its size. */
export const handler = makeStep(restoreContextSchema, async (context) => {
  const { temporaryBucket: Bucket, zeroObjectBytes } = plannedUpload(await readPlan(context));
  if ((await objectSize({ Bucket, Key: ZERO_OBJECT_KEY })) === zeroObjectBytes)
    return { bytes: zeroObjectBytes };
  const seedBytes = Math.min(SEED_BYTES, zeroObjectBytes);
  const seedKey = seedBytes === zeroObjectBytes ? ZERO_OBJECT_KEY : SEED_KEY;
  await s3.send(new PutObjectCommand({ Bucket, Key: seedKey, Body: Buffer.alloc(seedBytes) }));
  if (seedKey !== ZERO_OBJECT_KEY) await multiply(Bucket, zeroObjectBytes);
  return { bytes: zeroObjectBytes };
});

async function multiply(Bucket: string, totalBytes: number): Promise<void> {
  const { UploadId } = await s3.send(
    new CreateMultipartUploadCommand({ Bucket, Key: ZERO_OBJECT_KEY, ChecksumAlgorithm: PART_CHECKSUM }),
  );
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
    const { ETag, ChecksumCRC32 } = CopyPartResult ?? {};
    Parts[PartNumber - 1] = { PartNumber, ETag, ChecksumCRC32 };
  };
  for (let first = 1; first <= partCount; first += COPIES_IN_FLIGHT) {
    const numbers = Array.from(
      { length: Math.min(COPIES_IN_FLIGHT, partCount - first + 1) },
      (_, i) => first + i,
    );
    await Promise.all(numbers.map(copyPart));
  }
  await completeUpload(
    { Bucket, Key: ZERO_OBJECT_KEY },
    { uploadId: UploadId, parts: Parts, bytes: totalBytes },
  );
}
