import { makeS3Client } from '../../core/repository/s3-client.ts';

/**
 * For buckets other than a repository's, one client per sandbox. Its requests may take longer than reading a
 * repository: a part of 1 GiB is sent in one request, and a copy or a completion is silent while S3 works.
 */
export const s3 = makeS3Client({
  requestHandler: {
    connectionTimeout: 5_000,
    socketTimeout: 180_000,
    requestTimeout: 600_000,
    // Without this a request that takes too long is only logged.
    throwOnRequestTimeout: true,
    httpAgent: { keepAlive: true, maxSockets: 64 },
    httpsAgent: { keepAlive: true, maxSockets: 64 },
  },
});
