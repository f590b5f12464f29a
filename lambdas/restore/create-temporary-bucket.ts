import {
  CreateBucketCommand,
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketTaggingCommand,
  PutPublicAccessBlockCommand,
} from '@aws-sdk/client-s3';
import type { z } from 'zod';
import { awsErrorCode } from '../runtime/aws-errors.ts';
import { makeOnce, markReady, readPlan, restoreContextSchema, type Tag } from '../runtime/ledger.ts';
import { s3 } from '../runtime/s3.ts';
import { environment, makeStep } from '../runtime/step.ts';

// Only a last safety net: an import may queue for days, and clean-up removes the bucket long before.
const LIFECYCLE_DAYS = 30;

// The two Regions without account-regional bucket names (Amazon S3 User Guide, general purpose bucket namespaces).
const GLOBAL_NAMESPACE_REGIONS = new Set(['me-south-1', 'me-central-1']);

const entry = { kind: 'bucket', name: 'temporary' } as const;

/** Creates the restore's own bucket: private, encrypted, tagged, emptied by itself after a month at the latest. */
export const handler = makeStep(
  restoreContextSchema,
  async (context: z.output<typeof restoreContextSchema>) => {
    const { temporaryBucket } = await readPlan(context);
    await makeOnce({
      context,
      entry,
      step: 'create-temporary-bucket',
      create: async ({ tags }) => {
        await createBucket(temporaryBucket);
        await protectBucket(temporaryBucket, tags);
        return temporaryBucket;
      },
    });
    await markReady(context, entry);
    return { bucket: temporaryBucket };
  },
);

async function createBucket(Bucket: string): Promise<void> {
  const region = environment().AWS_REGION;
  try {
    await s3.send(
      new CreateBucketCommand({
        Bucket,
        ...(GLOBAL_NAMESPACE_REGIONS.has(region) ? {} : { BucketNamespace: 'account-regional' }),
        // us-east-1 is the one region that must not be named.
        ...(region === 'us-east-1'
          ? {}
          : { CreateBucketConfiguration: { LocationConstraint: region as 'eu-west-1' } }),
      }),
    );
  } catch (error) {
    // An earlier try of this step made it: the name holds restore and attempt, so it is ours.
    if (awsErrorCode(error) !== 'BucketAlreadyOwnedByYou') throw error;
  }
}

async function protectBucket(Bucket: string, tags: Tag[]): Promise<void> {
  await s3.send(
    new PutPublicAccessBlockCommand({
      Bucket,
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
    }),
  );
  await s3.send(
    new PutBucketEncryptionCommand({
      Bucket,
      ServerSideEncryptionConfiguration: {
        Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
      },
    }),
  );
  await s3.send(
    new PutBucketLifecycleConfigurationCommand({
      Bucket,
      LifecycleConfiguration: {
        Rules: [
          {
            ID: 'safety-net',
            Status: 'Enabled',
            Filter: { Prefix: '' },
            Expiration: { Days: LIFECYCLE_DAYS },
            AbortIncompleteMultipartUpload: { DaysAfterInitiation: LIFECYCLE_DAYS },
          },
        ],
      },
    }),
  );
  await s3.send(new PutBucketTaggingCommand({ Bucket, Tagging: { TagSet: tags } }));
}
