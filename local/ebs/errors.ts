import type { ValidationExceptionReason } from '@aws-sdk/client-ebs';
import { AwsError } from '../service.ts';

/** Errors of the EBS direct APIs (ebs 2019-11-02). Which reason goes with what is mostly undocumented; see the docs. */

export function invalid(reason: ValidationExceptionReason, message: string): AwsError {
  return new AwsError('ValidationException', message, 400, { Reason: reason });
}

export const invalidParameter = (message: string): AwsError => invalid('INVALID_PARAMETER_VALUE', message);

export const noSuchSnapshot = (snapshotId: string): AwsError =>
  new AwsError('ResourceNotFoundException', `The snapshot '${snapshotId}' does not exist.`, 404, {
    Reason: 'SNAPSHOT_NOT_FOUND',
  });

export const notYours = (snapshotId: string): AwsError =>
  new AwsError('AccessDeniedException', `You do not own the snapshot '${snapshotId}'.`, 403, {
    Reason: 'UNAUTHORIZED_ACCOUNT',
  });

export const conflict = (): AwsError =>
  new AwsError('ConflictException', 'The client token was used with other request parameters.', 409);

export const tooManyPending = (): AwsError =>
  new AwsError(
    'ConcurrentLimitExceededException',
    'You have reached the limit for concurrent API requests: too many snapshots are pending.',
  );

const TOO_FAST =
  'The number of API requests has exceeded the maximum allowed API request throttling limit for';

export const snapshotThrottled = (): AwsError =>
  new AwsError('RequestThrottledException', `${TOO_FAST} the snapshot.`, 400, {
    Reason: 'RESOURCE_LEVEL_THROTTLE',
  });

/** The account's limits have an error of their own, which the service's model does not list. */
export const accountThrottled = (): AwsError =>
  new AwsError('ThrottlingException', `${TOO_FAST} the account.`, 400, { Reason: 'ACCOUNT_THROTTLED' });
