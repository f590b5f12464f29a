import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { RequestBody } from '../protocols/http-message.ts';
import type { RegionContext } from '../service.ts';
import type { PublishedFile } from './assembly.ts';
import { UndeployableAssembly } from './errors.ts';
import type { BucketCalls } from './types/s3.ts';

/** Says so before anything is made when a file of the assembly is not there. @throws UndeployableAssembly */
export async function checkFiles(files: readonly PublishedFile[]): Promise<void> {
  const problems: string[] = [];
  for (const { path, objectKey } of files) {
    const found = await stat(path).catch(() => undefined);
    if (!found?.isFile()) problems.push(`asset ${objectKey}: there is no file ${path}`);
  }
  if (problems.length > 0) throw new UndeployableAssembly(problems);
}

/**
 * Puts file assets into S3, as `cdk deploy` does before it hands a template over. Keys hold the digest of the
 * content, so what is there under a key stays as it is.
 */
export async function publishFiles(
  files: readonly PublishedFile[],
  s3: BucketCalls,
  context: RegionContext,
): Promise<void> {
  for (const file of files) {
    const Bucket = withoutPlaceholders(file.bucketName, context);
    const Key = withoutPlaceholders(file.objectKey, context);
    if (!s3.bucketExists(Bucket)) await makeAssetBucket(Bucket, s3);
    if (await s3.objectExists(Bucket, Key)) continue;
    await s3.call('PutObject', { Bucket, Key, Body: await fileBody(file.path) });
  }
}

/** On AWS the bootstrap stack has made it, with these settings (and with versions, which the region has not). */
async function makeAssetBucket(Bucket: string, { call }: BucketCalls): Promise<void> {
  await call('CreateBucket', { Bucket });
  await call('PutPublicAccessBlock', {
    Bucket,
    PublicAccessBlockConfiguration: {
      BlockPublicAcls: true,
      BlockPublicPolicy: true,
      IgnorePublicAcls: true,
      RestrictPublicBuckets: true,
    },
  });
}

/** The placeholders that CDK leaves in names of assets of stacks without a fixed environment. */
function withoutPlaceholders(name: string, { accountId, region }: RegionContext): string {
  return name
    .replaceAll(`\${AWS::AccountId}`, accountId)
    .replaceAll(`\${AWS::Region}`, region)
    .replaceAll(`\${AWS::Partition}`, 'aws');
}

async function fileBody(path: string): Promise<RequestBody> {
  const { size } = await stat(path);
  return {
    announcedLength: size,
    announcedTrailers: [],
    trailers: new Map(),
    [Symbol.asyncIterator]: () => createReadStream(path)[Symbol.asyncIterator](),
  };
}
