import { createHash, randomBytes } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  type CompleteMultipartUploadCommandInput,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestRegion, type TestRegion } from '../region/test-region.ts';

const Bucket = 'parts';
const MIB = 1024 * 1024;
const FIVE_MIB = 5 * MIB;
let home: TestRegion;
let s3: S3Client;

beforeAll(async () => {
  home = await startTestRegion();
  s3 = home.s3();
  await s3.send(new CreateBucketCommand({ Bucket }));
});
afterAll(async () => {
  expect(home.logged).toEqual([]);
  await home.dispose();
});

async function begin(Key: string, extra = {}): Promise<string> {
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key, ...extra }));
  if (UploadId === undefined) throw new Error('there is no upload id');
  return UploadId;
}
const part = async (Key: string, UploadId: string, PartNumber: number, Body: Uint8Array, extra = {}) =>
  (await s3.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body, ...extra }))).ETag ?? '';
const complete = (
  Key: string,
  UploadId: string,
  etags: readonly (readonly [number, string])[],
  extra: Partial<CompleteMultipartUploadCommandInput> = {},
) =>
  s3.send(
    new CompleteMultipartUploadCommand({
      Bucket,
      Key,
      UploadId,
      MultipartUpload: { Parts: etags.map(([PartNumber, ETag]) => ({ PartNumber, ETag })) },
      ...extra,
    }),
  );
const content = async (Key: string, extra = {}) => {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key, ...extra }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
};
const refusal = (name: string, httpStatusCode = 400) => ({ name, $metadata: { httpStatusCode } });

test('parts sent in any order make one object in theirs', async () => {
  const bodies = [randomBytes(FIVE_MIB), randomBytes(FIVE_MIB + 1), randomBytes(77)];
  const upload = await begin('assembled', { ContentType: 'application/x-raw', Metadata: { disk: 'd1' } });
  const etags: [number, string][] = [];
  for (const number of [3, 7, 1]) {
    const index = [1, 3, 7].indexOf(number);
    etags.push([number, await part('assembled', upload, number, bodies[index] ?? Buffer.alloc(0))]);
  }
  etags.sort(([a], [b]) => a - b);
  const { ETag } = await complete('assembled', upload, etags, { MpuObjectSize: 2 * FIVE_MIB + 78 });

  const whole = Buffer.concat(bodies);
  expect((await content('assembled')).equals(whole)).toBe(true);
  const digests = etags.map(([, etag]) => Buffer.from(etag.replaceAll('"', ''), 'hex'));
  expect(ETag).toBe(`"${createHash('md5').update(Buffer.concat(digests)).digest('hex')}-3"`);
  const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'assembled' }));
  expect(head).toMatchObject({
    ContentLength: whole.length,
    ContentType: 'application/x-raw',
    Metadata: { disk: 'd1' },
  });
  // Ranges across the seams, and one part alone.
  const seam = await content('assembled', { Range: `bytes=${FIVE_MIB - 3}-${2 * FIVE_MIB + 40}` });
  expect(seam.equals(whole.subarray(FIVE_MIB - 3, 2 * FIVE_MIB + 41))).toBe(true);
  expect((await content('assembled', { PartNumber: 2 })).equals(bodies[1] ?? Buffer.alloc(0))).toBe(true);
  const second = await s3.send(new HeadObjectCommand({ Bucket, Key: 'assembled', PartNumber: 2 }));
  expect(second).toMatchObject({ PartsCount: 3, ContentLength: FIVE_MIB + 1 });
  await expect(content('assembled', { PartNumber: 4 })).rejects.toMatchObject(
    refusal('InvalidPartNumber', 416),
  );
});

test('a part sent again replaces the first; parts not named are left out', async () => {
  const upload = await begin('replaced');
  await part('replaced', upload, 1, randomBytes(100));
  const kept = randomBytes(200);
  const etag = await part('replaced', upload, 1, kept);
  await part('replaced', upload, 2, randomBytes(300));
  await complete('replaced', upload, [[1, etag]]);
  expect((await content('replaced')).equals(kept)).toBe(true);
});

test('what is wrong with a completion is named', async () => {
  const upload = await begin('wrong');
  const small = await part('wrong', upload, 1, randomBytes(100));
  const second = await part('wrong', upload, 2, randomBytes(100));
  await expect(
    complete('wrong', upload, [
      [1, small],
      [2, second],
    ]),
  ).rejects.toMatchObject(refusal('EntityTooSmall'));
  await expect(
    complete('wrong', upload, [
      [2, second],
      [1, small],
    ]),
  ).rejects.toMatchObject(refusal('InvalidPartOrder'));
  await expect(
    complete('wrong', upload, [
      [1, small],
      [1, small],
    ]),
  ).rejects.toMatchObject(refusal('InvalidPartOrder'));
  await expect(complete('wrong', upload, [[1, second]])).rejects.toMatchObject(refusal('InvalidPart'));
  await expect(complete('wrong', upload, [[5, small]])).rejects.toMatchObject(refusal('InvalidPart'));
  await expect(complete('wrong', upload, [])).rejects.toMatchObject(refusal('MalformedXML'));
  await expect(complete('wrong', upload, [[1, small]], { MpuObjectSize: 101 })).rejects.toMatchObject(
    refusal('InvalidRequest'),
  );
  // After all this the upload is still good.
  await complete('wrong', upload, [[1, small]], { MpuObjectSize: 100 });
  await expect(complete('wrong', upload, [[1, small]])).rejects.toMatchObject(refusal('NoSuchUpload', 404));
});

test.each([0, 10_001, 1.5])('there is no part number %d', async (number) => {
  const upload = await begin('numbers');
  await expect(part('numbers', upload, number, Buffer.from('x'))).rejects.toMatchObject(
    refusal('InvalidArgument'),
  );
});

test('an aborted upload is gone, with its parts', async () => {
  const upload = await begin('aborted');
  await part('aborted', upload, 1, randomBytes(10));
  await s3.send(new AbortMultipartUploadCommand({ Bucket, Key: 'aborted', UploadId: upload }));
  const gone = refusal('NoSuchUpload', 404);
  await expect(part('aborted', upload, 2, randomBytes(10))).rejects.toMatchObject(gone);
  await expect(
    s3.send(new ListPartsCommand({ Bucket, Key: 'aborted', UploadId: upload })),
  ).rejects.toMatchObject(gone);
  await expect(
    s3.send(new AbortMultipartUploadCommand({ Bucket, Key: 'aborted', UploadId: upload })),
  ).rejects.toMatchObject(gone);
});

test('an upload belongs to its key', async () => {
  const upload = await begin('mine');
  await expect(part('yours', upload, 1, randomBytes(10))).rejects.toMatchObject(refusal('NoSuchUpload', 404));
});

test('completion can be on condition that nothing is there, or exactly this', async () => {
  const first = await begin('once');
  const second = await begin('once');
  const third = await begin('once');
  const body = randomBytes(10);
  const etags = await Promise.all([first, second, third].map((upload) => part('once', upload, 1, body)));
  const { ETag } = await complete('once', first, [[1, etags[0] ?? '']], { IfNoneMatch: '*' });
  await expect(complete('once', second, [[1, etags[1] ?? '']], { IfNoneMatch: '*' })).rejects.toMatchObject(
    refusal('PreconditionFailed', 412),
  );
  await complete('once', third, [[1, etags[2] ?? '']], { IfMatch: ETag ?? '' });
});

test('parts are copied from objects, whole or in ranges', async () => {
  const source = randomBytes(7 * MIB);
  await s3.send(new PutObjectCommand({ Bucket, Key: 'source', Body: source }));
  const upload = await begin('from-copies');
  const copy = async (PartNumber: number, CopySourceRange?: string) => {
    const { CopyPartResult } = await s3.send(
      new UploadPartCopyCommand({
        Bucket,
        Key: 'from-copies',
        UploadId: upload,
        PartNumber,
        CopySource: `${Bucket}/source`,
        CopySourceRange,
      }),
    );
    return CopyPartResult?.ETag ?? '';
  };
  const whole = await copy(1);
  const range = await copy(2, `bytes=${MIB}-${7 * MIB - 1}`);
  const tail = await copy(3, 'bytes=100-199');
  await s3.send(new DeleteObjectCommand({ Bucket, Key: 'source' }));
  await complete('from-copies', upload, [
    [1, whole],
    [2, range],
    [3, tail],
  ]);
  const expected = Buffer.concat([source, source.subarray(MIB), source.subarray(100, 200)]);
  expect((await content('from-copies')).equals(expected)).toBe(true);
});

test('a copied range must lie within a source of more than 5 MiB', async () => {
  await s3.send(new PutObjectCommand({ Bucket, Key: 'large', Body: randomBytes(FIVE_MIB + 1) }));
  await s3.send(new PutObjectCommand({ Bucket, Key: 'small', Body: randomBytes(FIVE_MIB) }));
  const upload = await begin('ranges');
  const copy = (name: string, CopySourceRange: string) =>
    s3.send(
      new UploadPartCopyCommand({
        Bucket,
        Key: 'ranges',
        UploadId: upload,
        PartNumber: 1,
        CopySource: `${Bucket}/${name}`,
        CopySourceRange,
      }),
    );
  await expect(copy('small', 'bytes=0-9')).rejects.toMatchObject(refusal('InvalidRequest'));
  for (const wrong of ['bytes=5-', 'bytes=-5', '0-5', 'bytes=9-5', `bytes=0-${FIVE_MIB + 1}`]) {
    await expect(copy('large', wrong), wrong).rejects.toMatchObject(refusal('InvalidArgument'));
  }
});

test('parts are listed page by page', async () => {
  const upload = await begin('listed');
  for (const number of [1, 2, 3, 5, 8]) await part('listed', upload, number, Buffer.alloc(number));
  const list = (PartNumberMarker?: string) =>
    s3.send(new ListPartsCommand({ Bucket, Key: 'listed', UploadId: upload, MaxParts: 2, PartNumberMarker }));
  const pages: (number | undefined)[][] = [];
  let marker: string | undefined;
  for (;;) {
    const page = await list(marker);
    pages.push(page.Parts?.map((one) => one.Size) ?? []);
    if (!page.IsTruncated) break;
    marker = page.NextPartNumberMarker;
  }
  expect(pages).toEqual([[1, 2], [3, 5], [8]]);
});

test('uploads in progress are listed by key', async () => {
  const keys = ['up/b', 'up/a', 'up/c'];
  for (const key of keys) await begin(key);
  const first = await s3.send(new ListMultipartUploadsCommand({ Bucket, Prefix: 'up/', MaxUploads: 2 }));
  expect(first.Uploads?.map((upload) => upload.Key)).toEqual(['up/a', 'up/b']);
  expect(first.IsTruncated).toBe(true);
  const rest = await s3.send(
    new ListMultipartUploadsCommand({
      Bucket,
      Prefix: 'up/',
      KeyMarker: first.NextKeyMarker,
      UploadIdMarker: first.NextUploadIdMarker,
    }),
  );
  expect(rest.Uploads?.map((upload) => upload.Key)).toEqual(['up/c']);
});

test('a bucket removed while a part comes in takes the part with it', async () => {
  await s3.send(new CreateBucketCommand({ Bucket: 'short-lived' }));
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket: 'short-lived', Key: 'k' }));
  const fault = home.region.faults.add({ service: 's3', operation: 'UploadPart', action: { kind: 'hold' } });
  const upload = s3.send(
    new UploadPartCommand({
      Bucket: 'short-lived',
      Key: 'k',
      UploadId,
      PartNumber: 1,
      Body: Buffer.from('x'),
    }),
  );
  upload.catch(() => {});
  await expect.poll(() => fault.holding).toBe(1);
  await s3.send(new AbortMultipartUploadCommand({ Bucket: 'short-lived', Key: 'k', UploadId }));
  fault.release();
  await expect(upload).rejects.toMatchObject(refusal('NoSuchUpload', 404));
});
