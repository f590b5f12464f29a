import {
  CreateBucketCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pageOf } from '../../../local/s3/listing.ts';
import { compareUtf8, makeSortedKeys } from '../../../local/s3/sorted-keys.ts';
import { startTestRegion, type TestRegion } from '../region/test-region.ts';

const Bucket = 'listed';
const KEYS = ['a', 'a/1', 'a/2', 'a/b/3', 'b', 'c/1', 'c/2', 'd&<>', 'e/', 'é', '\uffee', '💾'];
let home: TestRegion;
let s3: S3Client;

beforeAll(async () => {
  home = await startTestRegion();
  s3 = home.s3();
  await s3.send(new CreateBucketCommand({ Bucket }));
  for (const Key of [...KEYS].reverse()) await s3.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
});
afterAll(() => home.dispose());

test('keys are listed in the order of their UTF-8 bytes', async () => {
  const { Contents, KeyCount, IsTruncated } = await s3.send(new ListObjectsV2Command({ Bucket }));
  expect(Contents?.map((object) => object.Key)).toEqual(KEYS);
  expect(Contents?.[1]).toMatchObject({ Key: 'a/1', Size: 3, StorageClass: 'STANDARD' });
  expect({ KeyCount, IsTruncated }).toEqual({ KeyCount: 12, IsTruncated: false });
});

test('a delimiter gathers keys under common prefixes', async () => {
  const top = await s3.send(new ListObjectsV2Command({ Bucket, Delimiter: '/' }));
  expect(top.CommonPrefixes?.map((one) => one.Prefix)).toEqual(['a/', 'c/', 'e/']);
  expect(top.Contents?.map((object) => object.Key)).toEqual(['a', 'b', 'd&<>', 'é', '\uffee', '💾']);
  const under = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'a/', Delimiter: '/' }));
  expect(under.CommonPrefixes?.map((one) => one.Prefix)).toEqual(['a/b/']);
  expect(under.Contents?.map((object) => object.Key)).toEqual(['a/1', 'a/2']);
});

test('both lists page to the end without losing or repeating anything', async () => {
  const seen: string[] = [];
  let ContinuationToken: string | undefined;
  do {
    const page = await s3.send(
      new ListObjectsV2Command({ Bucket, MaxKeys: 2, Delimiter: '/', ContinuationToken }),
    );
    seen.push(
      ...(page.CommonPrefixes ?? []).map((one) => one.Prefix ?? ''),
      ...(page.Contents ?? []).map((one) => one.Key ?? ''),
    );
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined);
  expect(seen.sort()).toEqual(['a', 'a/', 'b', 'c/', 'd&<>', 'e/', 'é', '\uffee', '💾'].sort());

  const old: string[] = [];
  let Marker: string | undefined;
  for (;;) {
    const page = await s3.send(new ListObjectsCommand({ Bucket, MaxKeys: 5, Marker }));
    old.push(...(page.Contents ?? []).map((one) => one.Key ?? ''));
    if (!page.IsTruncated) break;
    Marker = old.at(-1);
  }
  expect(old).toEqual(KEYS);
});

test('a list starts after a key, takes no keys at all, and refuses tokens it never gave', async () => {
  const after = await s3.send(new ListObjectsV2Command({ Bucket, StartAfter: 'b', MaxKeys: 1 }));
  expect(after.Contents?.map((object) => object.Key)).toEqual(['c/1']);
  const none = await s3.send(new ListObjectsV2Command({ Bucket, MaxKeys: 0 }));
  expect(none).toMatchObject({ KeyCount: 0, IsTruncated: false });
  await expect(s3.send(new ListObjectsV2Command({ Bucket, ContinuationToken: '???' }))).rejects.toMatchObject(
    {
      name: 'InvalidArgument',
    },
  );
});

test('names are encoded for URLs where that is asked', async () => {
  const page = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'd', EncodingType: 'url' }));
  expect(page.Contents?.[0]?.Key).toBe('d%26%3C%3E');
});

test('the order is that of the bytes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
      expect(Math.sign(compareUtf8(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
  );
});

/** The same thing told simply: every group and key behind `after`, sorted. */
function listSimply(keys: readonly string[], prefix: string, delimiter: string, after: string): string[] {
  const names = new Set<string>();
  for (const key of keys) {
    if (!key.startsWith(prefix) || Buffer.compare(Buffer.from(key), Buffer.from(after)) <= 0) continue;
    const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    const name = end < 0 ? key : `${key.slice(0, end + delimiter.length)}\0group`;
    if (!(name.endsWith('\0group') && name === `${after}\0group`)) names.add(name);
  }
  return [...names].map((name) => name.replace('\0group', '')).sort(compareUtf8);
}

test('pages of any size, together, are the whole list', () => {
  const key = fc
    .array(fc.constantFrom('a', 'b', '/', 'é'), { minLength: 1, maxLength: 5 })
    .map((parts) => parts.join(''));
  const options = fc.record({
    keys: fc.uniqueArray(key, { maxLength: 40 }),
    prefix: fc.constantFrom('', 'a', 'a/', 'b/a', '/'),
    delimiter: fc.constantFrom('', '/', 'ab'),
    most: fc.integer({ min: 1, max: 7 }),
  });
  fc.assert(
    fc.property(options, ({ keys, prefix, delimiter, most }) => {
      const bucket = { keys: makeSortedKeys(new Map(keys.map((one) => [one, true]))) };
      const seen: string[] = [];
      for (let after = ''; ; ) {
        const page = pageOf(bucket, { prefix, delimiter, after, most });
        const names = page.listed.map((one) => ('key' in one ? one.key : one.prefix));
        seen.push(...names);
        if (!page.truncated) break;
        expect(names.length).toBe(most);
        after = names.at(-1) ?? '';
      }
      expect(seen).toEqual(listSimply(keys, prefix, delimiter, ''));
    }),
    { numRuns: 500 },
  );
});
