import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { InvalidKey, isKey } from './store.ts';

const SECOND_MS = 1000;
const CONNECT_TIMEOUT_MS = 5 * SECOND_MS;
// The SDK has no timeouts of its own. Silence this long means a dead connection; S3's slowest answers were some 10 s (measured by others).
const SILENCE_TIMEOUT_MS = 30 * SECOND_MS;
// One attempt: 34 MiB at the slowest link that is worth waiting for.
const ATTEMPT_TIMEOUT_MS = 120 * SECOND_MS;
const ATTEMPTS = 5;
const SOCKETS = 64;

/** A client with the timeouts and retries that the store relies on; `config` adds to it. A set `AWS_ENDPOINT_URL` is taken to need path-style addresses. */
export function makeS3Client(config: S3ClientConfig = {}): S3Client {
  return new S3Client({
    maxAttempts: ATTEMPTS,
    retryMode: 'standard',
    forcePathStyle: Boolean(
      config.endpoint ?? process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL,
    ),
    // Everything that is read is checked against its SHA-256 anyway.
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: SILENCE_TIMEOUT_MS,
      requestTimeout: ATTEMPT_TIMEOUT_MS,
      // Without this a request that takes too long is only logged.
      throwOnRequestTimeout: true,
      httpAgent: { keepAlive: true, maxSockets: SOCKETS },
      httpsAgent: { keepAlive: true, maxSockets: SOCKETS },
    },
    ...config,
  });
}

/** `s3://bucket/some/prefix`. @throws InvalidKey */
export function parseS3Url(url: string): { bucket: string; prefix: string } {
  const [, bucket, prefix = ''] =
    /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*?))?\/?$/.exec(url) ?? [];
  if (!bucket || (prefix !== '' && !isKey(prefix))) {
    throw new InvalidKey(`"${url}" is not of the form s3://bucket or s3://bucket/prefix`);
  }
  return { bucket, prefix };
}
