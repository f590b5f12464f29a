import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteBucketPolicyCommand,
  DeleteObjectCommand,
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketLocationCommand,
  GetBucketOwnershipControlsCommand,
  GetBucketPolicyCommand,
  GetBucketTaggingCommand,
  GetBucketVersioningCommand,
  GetPublicAccessBlockCommand,
  HeadBucketCommand,
  ListBucketsCommand,
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
  PutBucketTaggingCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutPublicAccessBlockCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestRegion, type TestRegion } from '../region/test-region.ts';

const REGIONAL = 'restore-0123-123456789012-us-east-1-an';
let home: TestRegion;
let s3: S3Client;

beforeAll(async () => {
  home = await startTestRegion();
  s3 = home.s3();
});
afterAll(() => home.dispose());

test('a bucket is made, found, listed and removed', async () => {
  await s3.send(new CreateBucketCommand({ Bucket: 'first-bucket' }));
  expect((await s3.send(new HeadBucketCommand({ Bucket: 'first-bucket' }))).BucketRegion).toBe('us-east-1');
  expect((await s3.send(new ListBucketsCommand({}))).Buckets?.map((bucket) => bucket.Name)).toContain(
    'first-bucket',
  );
  expect(await s3.send(new GetBucketLocationCommand({ Bucket: 'first-bucket' }))).not.toHaveProperty(
    'LocationConstraint',
  );
  await s3.send(new DeleteBucketCommand({ Bucket: 'first-bucket' }));
  await expect(s3.send(new HeadBucketCommand({ Bucket: 'first-bucket' }))).rejects.toMatchObject({
    name: 'NotFound',
    $metadata: { httpStatusCode: 404 },
  });
  await expect(s3.send(new DeleteBucketCommand({ Bucket: 'first-bucket' }))).rejects.toMatchObject({
    name: 'NoSuchBucket',
  });
});

test('the account regional namespace wants its own names, and makes a bucket only once', async () => {
  const create = (Bucket: string, regional: boolean) =>
    s3.send(
      new CreateBucketCommand({
        Bucket,
        ...(regional ? { BucketNamespace: 'account-regional' as const } : {}),
      }),
    );
  await expect(create('plain-name', true)).rejects.toMatchObject({ name: 'InvalidBucketName' });
  await expect(create('x-999999999999-us-east-1-an', true)).rejects.toMatchObject({
    name: 'InvalidBucketName',
  });
  await expect(create(REGIONAL, false)).rejects.toMatchObject({ name: 'InvalidBucketName' });
  await create(REGIONAL, true);
  await expect(create(REGIONAL, true)).rejects.toMatchObject({
    name: 'BucketAlreadyOwnedByYou',
    $metadata: { httpStatusCode: 409 },
  });
});

test("making one's own bucket of the global namespace again succeeds, as in us-east-1, and keeps it as it is", async () => {
  await s3.send(new CreateBucketCommand({ Bucket: 'made-twice' }));
  await s3.send(new PutObjectCommand({ Bucket: 'made-twice', Key: 'kept', Body: 'x' }));
  await s3.send(new CreateBucketCommand({ Bucket: 'made-twice' }));
  await expect(s3.send(new DeleteBucketCommand({ Bucket: 'made-twice' }))).rejects.toMatchObject({
    name: 'BucketNotEmpty',
  });
});

test.each(['UPPER', 'a', 'under_score', '-dash-first', 'two..dots', '192.168.0.1', 'x'.repeat(64)])(
  'the name %s is no bucket name',
  async (name) => {
    const answer = await fetch(`${home.endpoint}/${name}`, { method: 'PUT' });
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain('<Code>InvalidBucketName</Code>');
  },
);

test('only what is not empty cannot be removed; an upload in progress does not hold', async () => {
  await s3.send(new CreateBucketCommand({ Bucket: 'to-empty' }));
  await s3.send(new PutObjectCommand({ Bucket: 'to-empty', Key: 'a', Body: 'x' }));
  await s3.send(new CreateMultipartUploadCommand({ Bucket: 'to-empty', Key: 'b' }));
  await expect(s3.send(new DeleteBucketCommand({ Bucket: 'to-empty' }))).rejects.toMatchObject({
    name: 'BucketNotEmpty',
    $metadata: { httpStatusCode: 409 },
  });
  await s3.send(new DeleteObjectCommand({ Bucket: 'to-empty', Key: 'a' }));
  await s3.send(new DeleteBucketCommand({ Bucket: 'to-empty' }));
});

test('a new bucket has the defaults of AWS', async () => {
  await s3.send(new CreateBucketCommand({ Bucket: 'defaults' }));
  const Bucket = 'defaults';
  const { PublicAccessBlockConfiguration } = await s3.send(new GetPublicAccessBlockCommand({ Bucket }));
  expect(PublicAccessBlockConfiguration).toEqual({
    BlockPublicAcls: true,
    BlockPublicPolicy: true,
    IgnorePublicAcls: true,
    RestrictPublicBuckets: true,
  });
  const { OwnershipControls } = await s3.send(new GetBucketOwnershipControlsCommand({ Bucket }));
  expect(OwnershipControls).toEqual({ Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] });
  const { ServerSideEncryptionConfiguration } = await s3.send(new GetBucketEncryptionCommand({ Bucket }));
  expect(ServerSideEncryptionConfiguration?.Rules?.[0]?.ApplyServerSideEncryptionByDefault).toEqual({
    SSEAlgorithm: 'AES256',
  });
  expect((await s3.send(new GetBucketVersioningCommand({ Bucket }))).Status).toBeUndefined();
  const missing = [
    [new GetBucketPolicyCommand({ Bucket }), 'NoSuchBucketPolicy'],
    [new GetBucketTaggingCommand({ Bucket }), 'NoSuchTagSet'],
    [new GetBucketLifecycleConfigurationCommand({ Bucket }), 'NoSuchLifecycleConfiguration'],
  ] as const;
  for (const [command, name] of missing) {
    await expect(s3.send(command as GetBucketPolicyCommand)).rejects.toMatchObject({ name });
  }
});

test('configurations are given back as they were put', async () => {
  const Bucket = 'configured';
  await s3.send(new CreateBucketCommand({ Bucket }));
  const rules = [
    {
      ID: 'safety-net',
      Status: 'Enabled' as const,
      Filter: { Prefix: '' },
      Expiration: { Days: 30 },
      AbortIncompleteMultipartUpload: { DaysAfterInitiation: 30 },
    },
    {
      ID: 'dated',
      Status: 'Disabled' as const,
      Filter: { Prefix: 'x/' },
      Expiration: { Date: new Date('2030-01-01T00:00:00Z') },
    },
  ];
  const LifecycleConfiguration = { Rules: rules };
  await s3.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration }));
  const policy = JSON.stringify({ Version: '2012-10-17', Statement: [] });
  await s3.send(new PutBucketPolicyCommand({ Bucket, Policy: policy }));
  await s3.send(
    new PutBucketTaggingCommand({
      Bucket,
      Tagging: { TagSet: [{ Key: 'landfall:role', Value: 'temporary' }] },
    }),
  );
  await s3.send(
    new PutPublicAccessBlockCommand({
      Bucket,
      PublicAccessBlockConfiguration: { BlockPublicAcls: true, IgnorePublicAcls: false },
    }),
  );
  await home.restart();
  s3 = home.s3();

  expect((await s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }))).Rules).toEqual(rules);
  expect((await s3.send(new GetBucketPolicyCommand({ Bucket }))).Policy).toBe(policy);
  expect((await s3.send(new GetBucketTaggingCommand({ Bucket }))).TagSet).toEqual([
    { Key: 'landfall:role', Value: 'temporary' },
  ]);
  expect((await s3.send(new GetPublicAccessBlockCommand({ Bucket }))).PublicAccessBlockConfiguration).toEqual(
    {
      BlockPublicAcls: true,
      IgnorePublicAcls: false,
    },
  );
  await s3.send(new DeleteBucketPolicyCommand({ Bucket }));
  await expect(s3.send(new GetBucketPolicyCommand({ Bucket }))).rejects.toMatchObject({
    name: 'NoSuchBucketPolicy',
  });
});

test("objects take the bucket's encryption", async () => {
  const Bucket = 'encrypting';
  await s3.send(new CreateBucketCommand({ Bucket }));
  const before = await s3.send(new PutObjectCommand({ Bucket, Key: 'a', Body: 'x' }));
  expect(before.ServerSideEncryption).toBe('AES256');
  await s3.send(
    new PutBucketEncryptionCommand({
      Bucket,
      ServerSideEncryptionConfiguration: {
        Rules: [
          { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: 'alias/own' } },
        ],
      },
    }),
  );
  const after = await s3.send(new PutObjectCommand({ Bucket, Key: 'b', Body: 'x' }));
  expect(after).toMatchObject({ ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'alias/own' });
});

test('what would not be kept is refused, not promised', async () => {
  const Bucket = 'refusing';
  await s3.send(new CreateBucketCommand({ Bucket }));
  await expect(
    s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } })),
  ).rejects.toMatchObject({ name: 'NotImplemented' });
  await expect(
    s3.send(new CreateBucketCommand({ Bucket: 'locked', ObjectLockEnabledForBucket: true })),
  ).rejects.toMatchObject({ name: 'NotImplemented' });
  await expect(s3.send(new PutBucketPolicyCommand({ Bucket, Policy: 'not a policy' }))).rejects.toMatchObject(
    { name: 'MalformedPolicy' },
  );
});

test('a caller that expects another owner is turned away', async () => {
  await s3.send(new CreateBucketCommand({ Bucket: 'owned' }));
  const asked = (ExpectedBucketOwner: string) =>
    s3.send(new HeadBucketCommand({ Bucket: 'owned', ExpectedBucketOwner }));
  await asked('123456789012');
  await expect(asked('999999999999')).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } });
});
