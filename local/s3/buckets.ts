import type * as S3 from '@aws-sdk/client-s3';
import type { Operation, RegionContext } from '../service.ts';
import { AwsError } from '../service.ts';
import { initialSettings } from './bucket-settings.ts';
import { invalidArgument, notSimulated } from './errors.ts';
import type { S3State } from './state.ts';
import { MAX_BUCKET_TAGS, parseTags } from './tags.ts';

const MAX_BUCKETS = 10_000;
/** Most buckets of one answer of ListBuckets. */
const MAX_LISTED = 10_000;

/** Operations on buckets as such. */
export function makeBucketOperations(state: S3State, context: RegionContext): Record<string, Operation> {
  const owner = ownerOf(context);
  return {
    CreateBucket: (input: S3.CreateBucketCommandInput) => createBucket(state, context, input),
    HeadBucket: (input: S3.HeadBucketCommandInput) => {
      // HEAD has no body: the code alone travels, as the status.
      if (!state.buckets.has(input.Bucket ?? '')) throw new AwsError('NotFound', 'Not Found', 404);
      return { BucketRegion: context.region, BucketArn: `arn:aws:s3:::${input.Bucket}` };
    },
    DeleteBucket: async (input: S3.DeleteBucketCommandInput) => {
      const bucket = state.bucket(input.Bucket ?? '');
      if (bucket.objects.size > 0) {
        const message = 'The bucket you tried to delete is not empty';
        throw new AwsError('BucketNotEmpty', message, 409, { BucketName: input.Bucket });
      }
      await state.removeBucket(bucket);
      return {};
    },
    ListBuckets: (input: S3.ListBucketsCommandInput) => ({
      ...listBuckets(state, context, input),
      Owner: owner,
    }),
    GetBucketLocation: (input: S3.GetBucketLocationCommandInput) => {
      // us-east-1 is told as an empty location.
      state.bucket(input.Bucket ?? '');
      return {};
    },
  };
}

/** The canonical user that owns everything here. */
export function ownerOf(context: RegionContext): S3.Owner {
  return { ID: context.accountId.padStart(64, '0'), DisplayName: 'local' };
}

async function createBucket(
  state: S3State,
  context: RegionContext,
  input: S3.CreateBucketCommandInput,
): Promise<Partial<S3.CreateBucketCommandOutput>> {
  const name = input.Bucket ?? '';
  const accountRegional = input.BucketNamespace === 'account-regional';
  checkBucketName(name);
  checkNamespace(name, accountRegional, context);
  checkLocation(input.CreateBucketConfiguration?.LocationConstraint);
  if (input.ObjectLockEnabledForBucket) throw notSimulated('Object Lock');
  const answer = { Location: `/${name}`, BucketArn: `arn:aws:s3:::${name}` };
  if (state.buckets.has(name)) {
    // In us-east-1, and only there, making one's own bucket again succeeds (S3 error reference,
    // BucketAlreadyOwnedByYou); in the account's own namespace it never does (user guide, gpbucketnamespaces).
    if (!accountRegional) return answer;
    const message = 'Your previous request to create the named bucket succeeded and you already own it.';
    throw new AwsError('BucketAlreadyOwnedByYou', message, 409, { BucketName: name });
  }
  if (state.buckets.size >= MAX_BUCKETS) {
    throw new AwsError('TooManyBuckets', 'You have attempted to create more buckets than allowed', 400);
  }
  await state.saveBucket({
    kind: 'bucket',
    name,
    created: Date.now(),
    accountRegional,
    settings: initialSettings(input.ObjectOwnership ?? 'BucketOwnerEnforced'),
    tags: parseTags(input.CreateBucketConfiguration?.Tags, MAX_BUCKET_TAGS),
  });
  return answer;
}

const BUCKET_NAME = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const IPV4 = /^\d+\.\d+\.\d+\.\d+$/;

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
function checkBucketName(name: string): void {
  const fits = BUCKET_NAME.test(name) && !name.includes('..') && !IPV4.test(name) && !name.startsWith('xn--');
  if (!fits)
    throw new AwsError('InvalidBucketName', 'The specified bucket is not valid.', 400, { BucketName: name });
}

function checkNamespace(name: string, accountRegional: boolean, context: RegionContext): void {
  const suffix = `-${context.accountId}-${context.region}-an`;
  if (accountRegional === name.endsWith(suffix)) return;
  const message = accountRegional
    ? `A bucket of the account regional namespace must have a name that ends with ${suffix}`
    : `Names that end with ${suffix} belong to the account regional namespace: send x-amz-bucket-namespace`;
  throw new AwsError('InvalidBucketName', message, 400, { BucketName: name });
}

function checkLocation(constraint: string | undefined): void {
  if (constraint === undefined) return;
  // us-east-1 is asked for by saying nothing; its own name is refused (CreateBucket, LocationConstraint).
  const code =
    constraint === 'us-east-1' ? 'InvalidLocationConstraint' : 'IllegalLocationConstraintException';
  throw new AwsError(code, `The ${constraint} location constraint is not valid for this region`, 400);
}

function listBuckets(
  state: S3State,
  context: RegionContext,
  input: S3.ListBucketsCommandInput,
): Omit<S3.ListBucketsCommandOutput, '$metadata'> {
  const most = input.MaxBuckets ?? MAX_LISTED;
  if (most < 1 || most > MAX_LISTED) {
    throw invalidArgument(
      'max-buckets',
      `Argument max-buckets must be an integer between 1 and ${MAX_LISTED}`,
    );
  }
  const after = input.ContinuationToken ?? '';
  const matching = [...state.buckets.values()]
    .map(({ record }) => record)
    .filter(({ name }) => name.startsWith(input.Prefix ?? '') && name > after)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const page = matching.slice(0, most);
  const last = page.at(-1);
  return {
    Buckets: page.map(({ name, created }) => ({
      Name: name,
      CreationDate: new Date(created),
      ...(input.MaxBuckets === undefined ? {} : { BucketRegion: context.region }),
      BucketArn: `arn:aws:s3:::${name}`,
    })),
    ...(last && page.length < matching.length ? { ContinuationToken: last.name } : {}),
    ...(input.Prefix === undefined ? {} : { Prefix: input.Prefix }),
  };
}
