import { randomBytes } from 'node:crypto';
import { appendFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startTestRegion, type TestRegion } from '../region/test-region.ts';

const Bucket = 'kept';
let home: TestRegion;

beforeEach(async () => {
  home = await startTestRegion();
  await home.s3().send(new CreateBucketCommand({ Bucket }));
});
afterEach(() => home.dispose());

const dataFiles = async () => {
  const names = await readdir(join(home.stateFolder, 's3', 'data'), { recursive: true });
  return names.filter((name) => name.includes('/')).length;
};

test('objects, descriptions and uploads in progress are there after a restart', async () => {
  const body = randomBytes(6 * 1024 * 1024);
  const s3 = home.s3();
  const { ETag } = await s3.send(
    new PutObjectCommand({ Bucket, Key: 'object', Body: body, Metadata: { a: '1' }, ContentType: 'x/y' }),
  );
  await s3.send(new PutObjectCommand({ Bucket, Key: 'deleted', Body: 'x' }));
  await s3.send(new DeleteObjectCommand({ Bucket, Key: 'deleted' }));
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: 'upload' }));
  const part = await s3.send(
    new UploadPartCommand({ Bucket, Key: 'upload', UploadId, PartNumber: 1, Body: body }),
  );

  await home.restart();
  const again = home.s3();
  const found = await again.send(new GetObjectCommand({ Bucket, Key: 'object' }));
  expect(found).toMatchObject({ ETag, Metadata: { a: '1' }, ContentType: 'x/y' });
  expect(Buffer.from((await found.Body?.transformToByteArray()) ?? []).equals(body)).toBe(true);
  const { Contents } = await again.send(new ListObjectsV2Command({ Bucket }));
  expect(Contents?.map((object) => object.Key)).toEqual(['object']);
  const { Parts } = await again.send(new ListPartsCommand({ Bucket, Key: 'upload', UploadId }));
  expect(Parts).toMatchObject([{ PartNumber: 1, ETag: part.ETag, Size: body.length }]);
  await again.send(
    new CompleteMultipartUploadCommand({
      Bucket,
      Key: 'upload',
      UploadId,
      MultipartUpload: { Parts: [{ PartNumber: 1, ETag: part.ETag }] },
    }),
  );
  const completed = await again.send(new GetObjectCommand({ Bucket, Key: 'upload' }));
  expect(Buffer.from((await completed.Body?.transformToByteArray()) ?? []).equals(body)).toBe(true);
});

test('what a crash leaves is taken: every answered write is there, a line cut short and stray files are not', async () => {
  await home.s3().send(new PutObjectCommand({ Bucket, Key: 'answered', Body: 'content' }));
  expect(await dataFiles()).toBe(1);
  // As after kill -9: the journal ends within a line, and a data file is there that nothing refers to.
  await home.region.stop();
  await appendFile(join(home.stateFolder, 's3', 'records.jsonl'), '["object/kept/torn",{"kind":"obj');
  const [prefix = ''] = await readdir(join(home.stateFolder, 's3', 'data'));
  await writeFile(join(home.stateFolder, 's3', 'data', prefix, 'stray'), 'x');
  await home.restart();

  const { Contents } = await home.s3().send(new ListObjectsV2Command({ Bucket }));
  expect(Contents?.map((object) => object.Key)).toEqual(['answered']);
  expect(await dataFiles()).toBe(1);
  await home.s3().send(new PutObjectCommand({ Bucket, Key: 'after', Body: 'x' }));
  await home.restart();
  const later = await home.s3().send(new ListObjectsV2Command({ Bucket }));
  expect(later.Contents?.map((object) => object.Key)).toEqual(['after', 'answered']);
});

test('bytes that nothing refers to are deleted', async () => {
  const s3 = home.s3();
  for (let i = 0; i < 5; i += 1)
    await s3.send(new PutObjectCommand({ Bucket, Key: 'same', Body: randomBytes(1000) }));
  await expect.poll(dataFiles).toBe(1);
  await s3.send(new DeleteObjectCommand({ Bucket, Key: 'same' }));
  await expect.poll(dataFiles).toBe(0);
});
