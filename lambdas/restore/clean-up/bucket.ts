import {
  AbortMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  GetBucketTaggingCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  type Tag,
} from '@aws-sdk/client-s3';
import { awsErrorCode } from '../../runtime/aws-errors.ts';
import { readPlan } from '../../runtime/ledger.ts';
import { s3 } from '../../runtime/s3.ts';
import { plannedUpload } from '../upload/planned.ts';
import { going, notFound, type Removal, type Removing, whyNot } from './removal.ts';

/** Empties and deletes the temporary bucket, unfinished uploads included. */
export async function removeBucket(removing: Removing): Promise<Removal> {
  const { context, entry } = removing;
  const Bucket = entry.resourceId ?? plannedUpload(await readPlan(context)).temporaryBucket;
  try {
    const tags = await bucketTags(Bucket);
    // Cut off before it was tagged: its name holds restore and attempt, in a namespace of our own.
    const stays = tags.length === 0 ? undefined : whyNot(tags, removing);
    if (stays) return stays;
    await abortUploads(Bucket);
    await deleteObjects(Bucket);
    await s3.send(new DeleteBucketCommand({ Bucket }));
    return { outcome: 'gone', resourceId: Bucket };
  } catch (error) {
    const code = awsErrorCode(error);
    if (code === 'NoSuchBucket') return notFound(removing);
    // A late upload came in between, or an operation on the bucket is still being carried out.
    if (code === 'BucketNotEmpty' || code === 'OperationAborted') return going;
    throw error;
  }
}

async function bucketTags(Bucket: string): Promise<Tag[]> {
  try {
    return (await s3.send(new GetBucketTaggingCommand({ Bucket }))).TagSet ?? [];
  } catch (error) {
    if (awsErrorCode(error) === 'NoSuchTagSet') return [];
    throw error;
  }
}

async function abortUploads(Bucket: string): Promise<void> {
  const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket }));
  for (const { Key, UploadId } of Uploads) {
    try {
      await s3.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
    } catch (error) {
      // A late step completed it in between.
      if (awsErrorCode(error) !== 'NoSuchUpload') throw error;
    }
  }
}

async function deleteObjects(Bucket: string): Promise<void> {
  for (;;) {
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }));
    if (Contents.length === 0) return;
    const { Errors = [] } = await s3.send(
      new DeleteObjectsCommand({
        Bucket,
        Delete: { Objects: Contents.map(({ Key }) => ({ Key })), Quiet: true },
      }),
    );
    const [first] = Errors;
    if (first) throw new Error(`${Bucket}/${first.Key} cannot be deleted: ${first.Code} ${first.Message}`);
  }
}
