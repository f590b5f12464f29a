import { AwsError } from '../service.ts';

// Codes, status codes and messages: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html

export const noSuchBucket = (bucket: string) =>
  new AwsError('NoSuchBucket', 'The specified bucket does not exist', 404, { BucketName: bucket });

export const noSuchKey = (key: string) =>
  new AwsError('NoSuchKey', 'The specified key does not exist.', 404, { Key: key });

export const noSuchUpload = (uploadId: string) =>
  new AwsError(
    'NoSuchUpload',
    'The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.',
    404,
    { UploadId: uploadId },
  );

export const invalidArgument = (name: string, message: string) =>
  new AwsError('InvalidArgument', message, 400, { ArgumentName: name });

export const invalidRequest = (message: string) => new AwsError('InvalidRequest', message, 400);

export const preconditionFailed = (condition: string) =>
  new AwsError('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold', 412, {
    Condition: condition,
  });

export const badDigest = (what: string) =>
  new AwsError('BadDigest', `The ${what} you specified did not match the calculated checksum.`, 400);

/** What AWS has and the simulation has not: said with AWS's own code for such a thing, and why. */
export const notSimulated = (what: string) =>
  new AwsError(
    'NotImplemented',
    `A header or option you provided implies functionality that is not implemented: ${what} is not simulated in the local region (docs/local-region.md)`,
    501,
  );
