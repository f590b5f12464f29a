import { randomBytes } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestRegion, type TestRegion } from '../region/test-region.ts';

const Bucket = 'raw-disks';
const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
let home: TestRegion;
let s3: S3Client;

beforeAll(async () => {
  home = await startTestRegion();
  s3 = home.s3();
  await s3.send(new CreateBucketCommand({ Bucket }));
});
afterAll(() => home.dispose());

/** Bytes that all data files of the region's S3 really take on the disk. */
async function storedBytes(): Promise<number> {
  const data = join(home.stateFolder, 's3', 'data');
  let sum = 0;
  for (const name of await readdir(data, { recursive: true })) {
    const info = await stat(join(data, name));
    if (info.isFile()) sum += info.blocks * 512;
  }
  return sum;
}

test('an object of zeros takes no space, and comes back as zeros', async () => {
  const before = await storedBytes();
  await s3.send(new PutObjectCommand({ Bucket, Key: 'zeros', Body: Buffer.alloc(16 * MIB + 3) }));
  expect(await storedBytes()).toBe(before);
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: 'zeros' }));
  const bytes = Buffer.from((await Body?.transformToByteArray()) ?? []);
  expect(bytes.equals(Buffer.alloc(16 * MIB + 3))).toBe(true);
});

test('data among zeros takes the space of the data', async () => {
  const before = await storedBytes();
  const body = Buffer.alloc(32 * MIB);
  randomBytes(100_000).copy(body, 5 * MIB + 77);
  randomBytes(10).copy(body, body.length - 10);
  await s3.send(new PutObjectCommand({ Bucket, Key: 'sparse', Body: body }));
  expect((await storedBytes()) - before).toBeLessThan(400_000);
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: 'sparse' }));
  expect(Buffer.from((await Body?.transformToByteArray()) ?? []).equals(body)).toBe(true);
});

test('a 64 GiB disk image, nearly all of it copied zeros, costs its data only', async () => {
  const before = await storedBytes();
  await s3.send(new PutObjectCommand({ Bucket, Key: 'zero-part', Body: Buffer.alloc(32 * MIB) }));
  const build = async (Key: string, pieces: readonly (Uint8Array | 'copy')[], source: string) => {
    const { UploadId } = await s3.send(
      new CreateMultipartUploadCommand({ Bucket, Key, ChecksumAlgorithm: 'CRC64NVME' }),
    );
    const Parts = [];
    for (const [i, piece] of pieces.entries()) {
      const PartNumber = i + 1;
      const target = { Bucket, Key, UploadId, PartNumber };
      const ETag =
        piece === 'copy'
          ? (await s3.send(new UploadPartCopyCommand({ ...target, CopySource: `${Bucket}/${source}` })))
              .CopyPartResult?.ETag
          : (await s3.send(new UploadPartCommand({ ...target, Body: piece, ChecksumAlgorithm: 'CRC64NVME' })))
              .ETag;
      Parts.push({ PartNumber, ETag });
    }
    return s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));
  };
  await build(
    'zero-gib',
    Array.from({ length: 32 }, () => 'copy' as const),
    'zero-part',
  );
  const data = randomBytes(6 * MIB);
  await build(
    'image',
    [data, ...Array.from({ length: 63 }, () => 'copy' as const), data.subarray(0, MIB)],
    'zero-gib',
  );
  expect((await storedBytes()) - before).toBeLessThan(8 * MIB);

  const image = await home.region.services.s3.open(Bucket, 'image');
  if (!image) throw new Error('the image is not there');
  try {
    expect(image.size).toBe(63 * GIB + 7 * MIB);
    const extents: { offset: number; length: number }[] = [];
    for await (const extent of image.extents()) extents.push(extent);
    expect(extents).toEqual([
      { offset: 0, length: 6 * MIB },
      { offset: 63 * GIB + 6 * MIB, length: MIB },
    ]);
    expect(Buffer.from(await image.read(MIB, 100)).equals(data.subarray(MIB, MIB + 100))).toBe(true);
    const seam = Buffer.from(await image.read(6 * MIB - 10, 20));
    expect(seam.equals(Buffer.concat([data.subarray(6 * MIB - 10), Buffer.alloc(10)]))).toBe(true);
    await expect(image.read(image.size - 5, 6)).rejects.toThrow(RangeError);
  } finally {
    await image.close();
  }
});

test('an opened object outlives its deletion, its bytes go when it is closed', async () => {
  const before = await storedBytes();
  const body = randomBytes(3 * MIB);
  await s3.send(new PutObjectCommand({ Bucket, Key: 'opened', Body: body }));
  const object = await home.region.services.s3.open(Bucket, 'opened');
  await s3.send(new DeleteObjectCommand({ Bucket, Key: 'opened' }));
  expect(Buffer.from((await object?.read(0, body.length)) ?? []).equals(body)).toBe(true);
  await object?.close();
  await expect.poll(storedBytes).toBe(before);
});
