import { S3ServiceException } from '@aws-sdk/client-s3';
import { expect, test } from 'vitest';
import { isPassing } from '../../helper/channel/patience.ts';

const answer = (httpStatusCode: number, name: string): S3ServiceException =>
  new S3ServiceException({ name, $fault: 'client', $metadata: { httpStatusCode } });

test.each([
  // Client errors by their status; the credentials of an instance are renewed, and the socket is opened again.
  [400, 'ExpiredToken', true],
  [400, 'RequestTimeout', true],
  [400, 'InvalidRequest', false],
  [403, 'AccessDenied', false],
  [404, 'NoSuchKey', false],
  [409, 'OperationAborted', true],
  [500, 'InternalError', true],
  [503, 'SlowDown', true],
])('an answer %i %s passes: %s', (status, name, passes) => {
  expect(isPassing(answer(status, name))).toBe(passes);
});
