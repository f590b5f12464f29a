import {
  CreateBucketCommand,
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketTaggingCommand,
  PutPublicAccessBlockCommand,
} from '@aws-sdk/client-s3';
import { hasAccountRegionalNames } from '../../core/model/temporary-bucket.ts';
import { awsErrorCode } from '../runtime/aws-errors.ts';
import {
  makeOnce,
  markReady,
  type RestoreContext,
  readEntry,
  readPlan,
  restoreContextSchema,
  type Tag,
  temporaryTags,
} from '../runtime/ledger.ts';
import { s3 } from '../runtime/s3.ts';
import { environment, makeStep } from '../runtime/step.ts';
import { plannedUpload } from './upload/planned.ts';

// Only a last safety net: an import may queue for days, and clean-up removes the bucket long before.
const LIFECYCLE_DAYS = 30;

const entry = { kind: 'bucket', name: 'temporary' } as const;

/** Creates the restore's own bucket: private, encrypted, tagged, emptied by itself after a month at the latest. */
export const handler = makeStep(restoreContextSchema, async (context) => {
  const { temporaryBucket } = plannedUpload(await readPlan(context));
  const intendedAt = await makeBucket(context, temporaryBucket);
  // Not part of making it: what is refused here must not look as if there were no bucket.
  await protectBucket(temporaryBucket, temporaryTags(context, entry, { intendedAt }));
  await markReady(context, entry);
  return { bucket: temporaryBucket };
});

async function makeBucket(context: RestoreContext, bucket: string): Promise<string> {
  await makeOnce({
    context,
    entry,
    step: 'create-temporary-bucket',
    create: async () => {
      await createBucket(bucket);
      return bucket;
    },
  });
  return (await readEntry(context, entry))?.intendedAt ?? new Date().toISOString();
}

async function createBucket(Bucket: string): Promise<void> {
  const region = environment().AWS_REGION;
  try {
    await s3.send(
      new CreateBucketCommand({
        Bucket,
        ...(hasAccountRegionalNames(region) ? { BucketNamespace: 'account-regional' } : {}),
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
