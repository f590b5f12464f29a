import { Readable } from 'node:stream';
import { ListPartsCommand, UploadPartCommand, UploadPartCopyCommand } from '@aws-sdk/client-s3';
import { z } from 'zod';
import { LandfallError } from '../../core/model/errors.ts';
import { parseDiskId, parseRestorePointId } from '../../core/model/ids.ts';
import { type DiskReader, openDisk, readManifest } from '../../core/repository/index.ts';
import { nameAwsError } from '../runtime/aws-errors.ts';
import { readPlan, restoreContextSchema } from '../runtime/ledger.ts';
import { openRepositoryAt } from '../runtime/repository.ts';
import { s3 } from '../runtime/s3.ts';
import { makeStep } from '../runtime/step.ts';
import { type Part, partsOf } from './upload/parts.ts';
import { plannedUpload, uploadedDisk } from './upload/planned.ts';
import { MIN_COPY_SOURCE_BYTES, ZERO_OBJECT_KEY } from './upload/zero-object.ts';

const inputSchema = restoreContextSchema.extend({
  diskId: z.string(),
  uploadId: z.string().min(1),
  from: z.number().int().nonnegative(),
  to: z.number().int().positive(),
});

// Two parts in flight: one is read and checked while the other is sent.
const PARTS_IN_FLIGHT = 2;
const READ_MEMORY_BYTES = 16 * 1024 ** 2;
const TRIES = 4;
const ZEROS = Buffer.alloc(1024 ** 2);

interface Upload {
  readonly bucket: string;
  readonly key: string;
  readonly uploadId: string;
  readonly reader: DiskReader;
}

/**
 * Uploads the parts that the segments [from, to) make up: each block is read from the repository and checked
 * against its digest before a byte of it is sent; all-zero parts are copied server-side. Parts that an earlier
 * try of this batch has finished are not sent again.
 */
export const handler = makeStep(inputSchema, async ({ diskId, uploadId, from, to, ...context }) => {
  const plan = await readPlan(context);
  const disk = uploadedDisk(plan, diskId);
  const repository = await openRepositoryAt(plan.repository);
  const id = parseRestorePointId(plan.restorePoint);
  const reader = await openDisk(repository, {
    id,
    manifest: await readManifest(repository, id),
    diskId: parseDiskId(diskId),
    memoryBytes: READ_MEMORY_BYTES,
  });
  const upload: Upload = {
    bucket: plannedUpload(plan).temporaryBucket,
    key: disk.objectKey,
    uploadId,
    reader,
  };
  const parts = partsOf(disk, from, to);
  const finished = await finishedParts(upload, parts);
  const waiting = parts.filter(({ number, bytes }) => finished.get(number) !== bytes);
  await uploadAll(upload, waiting);
  return { parts: waiting.length };
});

/** Sizes of the parts that are there already, by number. */
async function finishedParts(
  { bucket, key, uploadId }: Upload,
  parts: readonly Part[],
): Promise<Map<number, number>> {
  const sizes = new Map<number, number>();
  const first = parts[0]?.number ?? 1;
  const answer = await s3.send(
    new ListPartsCommand({
      Bucket: bucket,
      Key: key,
      UploadId: uploadId,
      PartNumberMarker: String(first - 1),
      MaxParts: parts.length,
    }),
  );
  for (const { PartNumber = 0, Size = 0 } of answer.Parts ?? []) sizes.set(PartNumber, Size);
  return sizes;
}

/** A few parts at a time. After a failure no further one is begun, and those under way are seen to their end. */
async function uploadAll(upload: Upload, parts: readonly Part[]): Promise<void> {
  const next = parts.values();
  const failures: unknown[] = [];
  const work = async (): Promise<void> => {
    for (const part of next) {
      if (failures.length > 0) return;
      await uploadPart(upload, part).catch((error: unknown) => failures.push(error));
    }
  };
  await Promise.all(Array.from({ length: PARTS_IN_FLIGHT }, work));
  if (failures.length > 0) throw failures[0];
}

async function uploadPart(upload: Upload, part: Part): Promise<void> {
  const hasData = await upload.reader.hasData(part.fromSegment, part.toSegment);
  if (!hasData && part.bytes >= MIN_COPY_SOURCE_BYTES) return copyZeros(upload, part);
  // The SDK cannot send a stream again; the repository can be read again.
  for (let tries = 1; ; tries += 1) {
    try {
      return await sendPart(upload, part);
    } catch (error) {
      const named = nameAwsError(error);
      if (!(named instanceof LandfallError && named.retryable) || tries >= TRIES) throw named;
      await pause(tries);
    }
  }
}

async function copyZeros({ bucket, key, uploadId }: Upload, part: Part): Promise<void> {
  await s3.send(
    new UploadPartCopyCommand({
      Bucket: bucket,
      Key: key,
      UploadId: uploadId,
      PartNumber: part.number,
      CopySource: `${bucket}/${ZERO_OBJECT_KEY}`,
      CopySourceRange: `bytes=0-${part.bytes - 1}`,
    }),
  );
}

async function sendPart({ bucket, key, uploadId, reader }: Upload, part: Part): Promise<void> {
  const body = Readable.from(contentOf(reader, part), { objectMode: false, highWaterMark: 1024 ** 2 });
  try {
    await s3.send(
      new UploadPartCommand({
        Bucket: bucket,
        Key: key,
        UploadId: uploadId,
        PartNumber: part.number,
        Body: body,
        ContentLength: part.bytes,
      }),
    );
  } catch (error) {
    // A block that fails its check ends the body, and the request only reports that it was cut off.
    throw body.errored ?? error;
  } finally {
    body.destroy();
  }
}

async function* contentOf(reader: DiskReader, { fromSegment, toSegment }: Part): AsyncGenerator<Uint8Array> {
  for await (const piece of reader.read(fromSegment, toSegment)) {
    if (piece.kind === 'data') {
      yield piece.bytes;
      continue;
    }
    for (let left = piece.length; left > 0; left -= ZEROS.length) {
      yield left < ZEROS.length ? ZEROS.subarray(0, left) : ZEROS;
    }
  }
}

/** Full jitter, so that many Lambdas that were turned away together do not come back together. */
async function pause(tries: number): Promise<void> {
  const mostMs = 500 * 2 ** tries;
  await new Promise((resolve) => setTimeout(resolve, Math.random() * mostMs));
}
