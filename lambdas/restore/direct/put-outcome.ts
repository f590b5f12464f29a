import { LandfallError } from '../../../core/model/errors.ts';
import { awsErrorCode, nameAwsError, Throttled } from '../../runtime/aws-errors.ts';
import type { Throttle } from './limiter.ts';

/** What a failed try to put a block means. */
export type PutOutcome =
  /** Too fast, for the snapshot or for the account. */
  | { readonly kind: 'throttled'; readonly by: Throttle }
  /** The same put may succeed when it is made again. */
  | { readonly kind: 'again'; readonly error: unknown }
  | { readonly kind: 'failed'; readonly error: unknown };

// Reasons of a ValidationException that are none of the request's: a try before this one is still being carried out, or
// the data came too slowly.
const PASSING = new Set(['CONFLICTING_BLOCK_UPDATE', 'WRITE_REQUEST_TIMEOUT']);

/** Tells what to do about a failed put by AWS's own code and reason. */
export function outcomeOf(cause: unknown): PutOutcome {
  const error = nameAwsError(cause);
  const reason = reasonOf(cause);
  if (error instanceof Throttled) {
    // RequestThrottledException is the snapshot's, ThrottlingException the account's; a reason says it better.
    const isSnapshots =
      reason === 'RESOURCE_LEVEL_THROTTLE' || awsErrorCode(cause) === 'RequestThrottledException';
    const isAccounts = reason === 'ACCOUNT_THROTTLED' || reason === 'DEPENDENCY_REQUEST_THROTTLED';
    return { kind: 'throttled', by: isSnapshots && !isAccounts ? 'snapshot' : 'account' };
  }
  const mayPass = (error instanceof LandfallError && error.retryable) || PASSING.has(reason);
  return { kind: mayPass ? 'again' : 'failed', error };
}

function reasonOf(error: unknown): string {
  const reason: unknown = error instanceof Error ? Reflect.get(error, 'Reason') : undefined;
  return typeof reason === 'string' ? reason : '';
}
