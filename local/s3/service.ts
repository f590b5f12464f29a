import type { Operation, RegionContext, Service } from '../service.ts';
import { AwsError } from '../service.ts';
import { makeBucketSettingOperations } from './bucket-settings.ts';
import { makeBucketOperations } from './buckets.ts';
import type { ContentReader } from './content-reader.ts';
import { makeCopyOperations } from './copies.ts';
import { makeListingOperations } from './listing.ts';
import { makeObjectTaggingOperations } from './object-tagging.ts';
import { makeObjectOperations } from './objects.ts';
import { openS3State } from './state.ts';
import { makeUploadListingOperations } from './upload-listing.ts';
import { makeUploadOperations } from './uploads.ts';

/** The simulated S3, and what other services of the region read from it without HTTP. */
export interface S3Service extends Service {
  bucketExists(bucket: string): boolean;
  /**
   * Opens an object for reading; it stays readable until closed, even when it is replaced or deleted meanwhile.
   * undefined when there is no such object.
   */
  open(bucket: string, key: string): Promise<ContentReader | undefined>;
  stop(): Promise<void>;
}

/** Opens the S3 of a region with what its state folder holds. */
export async function makeS3Service(context: RegionContext): Promise<S3Service> {
  const state = await openS3State(context.stateFolder);
  const operations = {
    ...makeBucketOperations(state, context),
    ...makeBucketSettingOperations(state),
    ...makeObjectOperations(state, context),
    ...makeObjectTaggingOperations(state),
    ...makeCopyOperations(state, context),
    ...makeListingOperations(state, context),
    ...makeUploadOperations(state, context),
    ...makeUploadListingOperations(state, context),
  };
  return {
    name: 's3',
    operations: mapValues(operations, (operation) => forOwnerOnly(operation, context.accountId)),
    bucketExists: (bucket) => state.buckets.has(bucket),
    open: async (bucket, key) => {
      const object = state.buckets.get(bucket)?.objects.get(key);
      return object && state.content.open(object.pieces);
    },
    stop: () => state.stop(),
  };
}

/** A caller that expects another owner is turned away: everything here belongs to the one account. */
function forOwnerOnly(operation: Operation, accountId: string): Operation {
  return (input: Readonly<Record<string, unknown>>, call) => {
    for (const expected of [input.ExpectedBucketOwner, input.ExpectedSourceBucketOwner]) {
      if (expected !== undefined && expected !== accountId)
        throw new AwsError('AccessDenied', 'Access Denied', 403);
    }
    return operation(input, call);
  };
}

function mapValues<T>(record: Readonly<Record<string, T>>, change: (value: T) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}
