import { S3Client } from '@aws-sdk/client-s3';

/**
 * One client per sandbox. Timeouts are set because the SDK has none of its own: a request that is never
 * answered would otherwise hold the step until its own timeout.
 */
export const s3 = new S3Client({
  maxAttempts: 5,
  // Path style works everywhere a bucket name has no dots, and against a loopback endpoint.
  forcePathStyle: process.env.AWS_ENDPOINT_URL !== undefined,
  requestHandler: { connectionTimeout: 5_000, requestTimeout: 300_000, httpsAgent: { maxSockets: 64 } },
});
