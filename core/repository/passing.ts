import type { S3ServiceException } from '@aws-sdk/client-s3';

// Client errors by their status, but not of the request: the socket was idle for too long, or the credentials have expired,
// of which the client fetches new ones (Amazon S3 API Reference, "Error responses").
const PASSING_CODES = new Set(['RequestTimeout', 'ExpiredToken', 'ExpiredTokenException']);

/** Whether an error of S3 may go away by itself: throttling, trouble on S3's side, or with the connection's time. */
export function isPassingS3Error(error: S3ServiceException): boolean {
  const status = error.$metadata.httpStatusCode ?? 0;
  return (
    status >= 500 ||
    status === 429 ||
    status === 409 ||
    PASSING_CODES.has(error.name) ||
    Boolean(error.$retryable)
  );
}
