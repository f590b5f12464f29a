import { createHash, randomBytes } from 'node:crypto';
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  DeleteObjectTaggingCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  PutObjectTaggingCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestRegion, type TestRegion } from '../region/test-region.ts';

const Bucket = 'objects';
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

const put = (Key: string, Body: string | Uint8Array, extra = {}) =>
  s3.send(new PutObjectCommand({ Bucket, Key, Body, ...extra }));
const get = async (Key: string, extra = {}) => {
  const answer = await s3.send(new GetObjectCommand({ Bucket, Key, ...extra }));
  return { ...answer, bytes: Buffer.from((await answer.Body?.transformToByteArray()) ?? []) };
};
const refusal = (code: string, httpStatusCode: number) => ({ name: code, $metadata: { httpStatusCode } });

test('an object comes back as it went in, with all that was said about it', async () => {
  const body = randomBytes(3_000_000);
  await put('whole', body, {
    ContentType: 'application/x-disk',
    CacheControl: 'no-store',
    ContentDisposition: 'attachment; filename="a b.img"',
    ContentLanguage: 'en',
    Metadata: { 'landfall-restore': 'r-1', other: 'ü'.normalize('NFD').replace(/[^\x20-\x7e]/g, 'u') },
    Tagging: 'a=1&b=two%20words',
    StorageClass: 'STANDARD_IA',
    Expires: new Date('2030-05-06T07:08:09Z'),
  });
  const found = await get('whole');
  expect(found.bytes.equals(body)).toBe(true);
  expect(found).toMatchObject({
    ContentLength: 3_000_000,
    ContentType: 'application/x-disk',
    CacheControl: 'no-store',
    ContentDisposition: 'attachment; filename="a b.img"',
    ContentLanguage: 'en',
    ExpiresString: 'Mon, 06 May 2030 07:08:09 GMT',
    Metadata: { 'landfall-restore': 'r-1', other: 'uu' },
    TagCount: 2,
    StorageClass: 'STANDARD_IA',
    ServerSideEncryption: 'AES256',
    AcceptRanges: 'bytes',
  });
  const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'whole' }));
  expect(head.ContentLength).toBe(3_000_000);
  expect(head.ETag).toBe(found.ETag);
  expect(head.LastModified?.getMilliseconds()).toBe(0);
});

test('an empty object is an object', async () => {
  await put('empty', '');
  const found = await get('empty');
  expect(found.bytes.length).toBe(0);
  expect(found.ETag).toBe('"d41d8cd98f00b204e9800998ecf8427e"');
});

test('up to 1 MiB the etag is the MD5', async () => {
  const body = randomBytes(1024 * 1024);
  const { ETag } = await put('small', body);
  expect(ETag).toBe(`"${createHash('md5').update(body).digest('hex')}"`);
  const large = randomBytes(1024 * 1024 + 1);
  expect((await put('large', large)).ETag).toMatch(/^"[0-9a-f]{32}"$/);
});

test('keys are taken as they are', async () => {
  const keys = [
    'a/b',
    'a//b',
    '/lead',
    'trail/',
    'dot/../dot',
    './x',
    'spaß & <tag> "q"',
    'plus+and space',
    '%41',
    'emoji-💾',
    '\u0001control',
    'x?y=z#w',
  ];
  for (const key of keys) await put(key, `content of ${key}`);
  for (const key of keys) expect((await get(key)).bytes.toString('utf8')).toBe(`content of ${key}`);
  const listed = await s3.send(new ListObjectsV2Command({ Bucket, EncodingType: 'url' }));
  const found = listed.Contents?.map((object) => decodeURIComponent(object.Key ?? ''));
  expect(found).toEqual(expect.arrayContaining(keys));
  await expect(put('k'.repeat(1025), 'x')).rejects.toMatchObject(refusal('KeyTooLongError', 400));
});

test('any range is the slice of the bytes that it names', async () => {
  const body = randomBytes(2_500_000);
  await put('ranged', body);
  await fc.assert(
    fc.asyncProperty(fc.nat(2_499_999), fc.nat(3_000_000), async (first, length) => {
      const found = await get('ranged', { Range: `bytes=${first}-${first + length}` });
      const expected = body.subarray(first, first + length + 1);
      expect(found.bytes.equals(expected)).toBe(true);
      expect(found.ContentRange).toBe(`bytes ${first}-${first + expected.length - 1}/2500000`);
      expect(found.$metadata.httpStatusCode).toBe(206);
    }),
    { numRuns: 15 },
  );
});

test.each([
  ['bytes=5-', 'fghij', 'bytes 5-9/10'],
  ['bytes=-3', 'hij', 'bytes 7-9/10'],
  ['bytes=-30', 'abcdefghij', 'bytes 0-9/10'],
  ['bytes=0-0', 'a', 'bytes 0-0/10'],
  ['bytes=8-100', 'ij', 'bytes 8-9/10'],
  ['bytes=5-2', 'abcdefghij', undefined],
  ['bytes=0-1,3-4', 'abcdefghij', undefined],
  ['lines=1-2', 'abcdefghij', undefined],
])('the range %s of ten bytes is %s', async (Range, expected, contentRange) => {
  await put('ten', 'abcdefghij');
  const found = await get('ten', { Range });
  expect(found.bytes.toString()).toBe(expected);
  expect(found.ContentRange).toBe(contentRange);
});

test.each(['bytes=10-', 'bytes=11-12', 'bytes=-0'])(
  'the range %s of ten bytes cannot be satisfied',
  async (Range) => {
    await put('ten', 'abcdefghij');
    await expect(get('ten', { Range })).rejects.toMatchObject(refusal('InvalidRange', 416));
  },
);

test('readers name conditions', async () => {
  const { ETag } = await put('conditional', 'x');
  const { LastModified } = await get('conditional');
  const before = new Date((LastModified?.getTime() ?? 0) - 1000);
  await get('conditional', { IfMatch: ETag, IfUnmodifiedSince: before });
  await get('conditional', { IfNoneMatch: '"other"', IfModifiedSince: LastModified });
  await expect(get('conditional', { IfMatch: '"other"' })).rejects.toMatchObject(
    refusal('PreconditionFailed', 412),
  );
  await expect(get('conditional', { IfUnmodifiedSince: before })).rejects.toMatchObject(
    refusal('PreconditionFailed', 412),
  );
  for (const condition of [{ IfNoneMatch: ETag }, { IfModifiedSince: LastModified }]) {
    await expect(get('conditional', condition)).rejects.toMatchObject({ $metadata: { httpStatusCode: 304 } });
  }
});

test('writers name conditions: nothing there yet, or exactly this', async () => {
  const first = await put('guarded', 'one', { IfNoneMatch: '*' });
  await expect(put('guarded', 'two', { IfNoneMatch: '*' })).rejects.toMatchObject(
    refusal('PreconditionFailed', 412),
  );
  expect((await get('guarded')).bytes.toString()).toBe('one');
  await expect(put('guarded', 'two', { IfMatch: '"other"' })).rejects.toMatchObject(
    refusal('PreconditionFailed', 412),
  );
  await put('guarded', 'two', { IfMatch: first.ETag });
  expect((await get('guarded')).bytes.toString()).toBe('two');
  await expect(put('nobody', 'x', { IfMatch: first.ETag })).rejects.toMatchObject(refusal('NoSuchKey', 404));
});

test('of many that create the same key only one succeeds', async () => {
  const bodies = Array.from({ length: 12 }, () => randomBytes(300_000));
  const results = await Promise.allSettled(bodies.map((body) => put('raced', body, { IfNoneMatch: '*' })));
  const winners = results.flatMap((result, i) => (result.status === 'fulfilled' ? [i] : []));
  expect(winners.length).toBe(1);
  expect((await get('raced')).bytes.equals(bodies[winners[0] ?? 0] ?? Buffer.alloc(0))).toBe(true);
});

test('what is not there is said to be missing', async () => {
  await expect(get('nothing')).rejects.toMatchObject(refusal('NoSuchKey', 404));
  await expect(s3.send(new HeadObjectCommand({ Bucket, Key: 'nothing' }))).rejects.toMatchObject(
    refusal('NotFound', 404),
  );
  await expect(s3.send(new GetObjectCommand({ Bucket: 'no-such-bucket', Key: 'x' }))).rejects.toMatchObject(
    refusal('NoSuchBucket', 404),
  );
  await s3.send(new DeleteObjectCommand({ Bucket, Key: 'nothing' }));
});

test('many keys are deleted at once, each told of', async () => {
  await put('del/1', 'x');
  await put('del/2', 'x');
  const Objects = [{ Key: 'del/1' }, { Key: 'del/none' }, { Key: 'del/2', ETag: '"other"' }];
  const { Deleted, Errors } = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
  expect(Deleted).toEqual([{ Key: 'del/1' }, { Key: 'del/none' }]);
  expect(Errors).toMatchObject([{ Key: 'del/2', Code: 'PreconditionFailed' }]);
  await expect(get('del/1')).rejects.toMatchObject({ name: 'NoSuchKey' });
  await get('del/2');
  const quiet = await s3.send(
    new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: 'del/2' }], Quiet: true } }),
  );
  expect(quiet.Deleted).toBeUndefined();
});

test('a copy has the bytes, and the description unless another is given', async () => {
  await put('original', 'content', { ContentType: 'text/plain', Metadata: { a: '1' }, Tagging: 't=1' });
  const CopySource = `${Bucket}/original`;
  await s3.send(new CopyObjectCommand({ Bucket, Key: 'copied', CopySource }));
  await put('original', 'changed since');
  expect(await get('copied')).toMatchObject({ ContentType: 'text/plain', Metadata: { a: '1' }, TagCount: 1 });
  expect((await get('copied')).bytes.toString()).toBe('content');
  await s3.send(
    new CopyObjectCommand({
      Bucket,
      Key: 'copied',
      CopySource: `${Bucket}/copied`,
      MetadataDirective: 'REPLACE',
      Metadata: { b: '2' },
    }),
  );
  expect((await get('copied')).Metadata).toEqual({ b: '2' });
  await expect(
    s3.send(new CopyObjectCommand({ Bucket, Key: 'copied', CopySource: `${Bucket}/copied` })),
  ).rejects.toMatchObject(refusal('InvalidRequest', 400));
  await expect(
    s3.send(new CopyObjectCommand({ Bucket, Key: 'x', CopySource: `${Bucket}/missing` })),
  ).rejects.toMatchObject(refusal('NoSuchKey', 404));
  await expect(
    s3.send(new CopyObjectCommand({ Bucket, Key: 'x', CopySource, CopySourceIfMatch: '"other"' })),
  ).rejects.toMatchObject(refusal('PreconditionFailed', 412));
  await s3.send(new DeleteObjectCommand({ Bucket, Key: 'original' }));
  expect((await get('copied')).bytes.toString()).toBe('content');
});

test('tags are put, told and taken away', async () => {
  await put('tagged', 'x');
  const TagSet = [{ Key: 'landfall:role', Value: 'temporary' }];
  await s3.send(new PutObjectTaggingCommand({ Bucket, Key: 'tagged', Tagging: { TagSet } }));
  expect((await s3.send(new GetObjectTaggingCommand({ Bucket, Key: 'tagged' }))).TagSet).toEqual(TagSet);
  await s3.send(new DeleteObjectTaggingCommand({ Bucket, Key: 'tagged' }));
  expect((await s3.send(new GetObjectTaggingCommand({ Bucket, Key: 'tagged' }))).TagSet).toEqual([]);
  expect((await get('tagged')).bytes.toString()).toBe('x');
  const twice = [
    { Key: 'a', Value: '1' },
    { Key: 'a', Value: '2' },
  ];
  await expect(
    s3.send(new PutObjectTaggingCommand({ Bucket, Key: 'tagged', Tagging: { TagSet: twice } })),
  ).rejects.toMatchObject(refusal('InvalidTag', 400));
});

test.each([
  [{ ACL: 'public-read' }, 'AccessControlListNotSupported'],
  [{ ObjectLockMode: 'GOVERNANCE' }, 'InvalidRequest'],
  [{ SSECustomerAlgorithm: 'AES256' }, 'NotImplemented'],
  [{ Metadata: { long: 'x'.repeat(2049) } }, 'MetadataTooLarge'],
])('PutObject with %o is refused', async (extra, code) => {
  await expect(put('refused', 'x', extra)).rejects.toMatchObject({ name: code });
});

test('a reader goes on with the object it opened, whatever becomes of the key', async () => {
  const body = randomBytes(24 * 1024 * 1024);
  await put('replaced', body);
  const answer = await s3.send(new GetObjectCommand({ Bucket, Key: 'replaced' }));
  await put('replaced', 'other');
  await s3.send(new DeleteObjectCommand({ Bucket, Key: 'replaced' }));
  const bytes = (await answer.Body?.transformToByteArray()) ?? new Uint8Array();
  expect(Buffer.from(bytes).equals(body)).toBe(true);
});
