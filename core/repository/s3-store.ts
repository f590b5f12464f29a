import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import type { Store } from './store.ts';

/** A client with the timeouts and retries that the store relies on; `config` adds to it. */
export function makeS3Client(config: S3ClientConfig = {}): S3Client {
  return new S3Client(config);
}

/** `prefix` is without or with a slash at its end; empty for the whole bucket. */
export function makeS3Store(_options: { client: S3Client; bucket: string; prefix?: string }): Store {
  throw new Error('not built yet');
}

/** `s3://bucket/some/prefix`. @throws InvalidKey */
export function parseS3Url(_url: string): { bucket: string; prefix: string } {
  throw new Error('not built yet');
}
