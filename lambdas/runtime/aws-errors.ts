import { LandfallError } from '../../core/model/errors.ts';
import { StoreFailed } from '../../core/repository/store.ts';

/** AWS asked us to slow down, and the SDK's own retries were not enough. */
export class Throttled extends LandfallError {
  override readonly name = 'Throttled';
  override readonly retryable = true;
}

/** AWS answered with a server error, or did not answer. */
export class ServiceUnavailable extends LandfallError {
  override readonly name = 'ServiceUnavailable';
  override readonly retryable = true;
}

/** A quota of the account is used up for now; it frees itself as other work ends. */
export class QuotaReached extends LandfallError {
  override readonly name = 'QuotaReached';
  override readonly retryable = true;
}

/** EC2 has no room for what was asked, in this zone, now. */
export class InsufficientCapacity extends LandfallError {
  override readonly name = 'InsufficientCapacity';
  override readonly retryable = true;
}

/** AWS does not know, or not yet, what was named: what was just made may take minutes to be seen everywhere. */
export class NotVisible extends LandfallError {
  override readonly name = 'NotVisible';
  override readonly retryable = true;
}

/** AWS denies the call. Our permissions hang on tags, and fresh tags take their time to count. */
export class NotAuthorized extends LandfallError {
  override readonly name = 'NotAuthorized';
  override readonly retryable = true;
}

/** AWS refused the call; making it again unchanged would be refused again. */
export class AwsRefused extends LandfallError {
  override readonly name = 'AwsRefused';
}

const THROTTLES = new Set([
  'RequestLimitExceeded',
  'Throttling',
  'ThrottlingException',
  'ThrottledException',
  'RequestThrottled',
  'RequestThrottledException',
  'TooManyRequestsException',
  'SlowDown',
  'EC2ThrottledException',
  // Not a rate, but as passing: somebody else is at the same bucket or tags right now.
  'OperationAborted',
  'ConcurrentTagAccess',
  'SnapshotCreationPerVolumeRateExceeded',
]);

// The code for "too many import tasks" is not documented; ResourceCountExceeded is EC2's general one.
const QUOTAS = new Set([
  'ResourceCountExceeded',
  'ResourceCountLimitExceeded',
  'ConcurrentSnapshotLimitExceeded',
  'PendingSnapshotLimitExceeded',
  'ResourceLimitExceeded',
  // Launches and starts: vCPUs, and the older count of instances.
  'VcpuLimitExceeded',
  'InstanceLimitExceeded',
  // The EBS direct APIs: too many snapshots are pending, or too much of something else.
  'ConcurrentLimitExceededException',
  'ServiceQuotaExceededException',
]);

const CAPACITY = new Set([
  'InsufficientInstanceCapacity',
  'InsufficientVolumeCapacity',
  'InsufficientCapacity',
]);

const DENIALS = new Set(['UnauthorizedOperation', 'AccessDenied', 'AccessDeniedException']);

// A connection that broke or timed out says nothing about whether the call was carried out.
const CONNECTION = new Set([
  'TimeoutError',
  'RequestTimeout',
  'RequestTimeoutException',
  'ECONNRESET',
  'ECONNREFUSED',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'IncompleteBody',
]);

/** The code AWS gave an error (`InvalidVolume.NotFound`), or undefined for an error that is not AWS's. */
export function awsErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined;
  return error.name;
}

// Names of ours that are unique in account or VPC: an earlier try of the same step took them.
const MADE_ALREADY = new Set(['InvalidAMIName.Duplicate', 'InvalidGroup.Duplicate']);

/** Whether AWS refused to make a thing because it is there, under the name that only this step gives. */
export function isMadeAlready(error: unknown): boolean {
  return MADE_ALREADY.has(awsErrorCode(error) ?? '');
}

const REFUSALS = [AwsRefused, NotAuthorized, NotVisible, QuotaReached, InsufficientCapacity];

/**
 * Whether AWS answered, and the answer was a definite no: nothing was made. A token that was used with other
 * parameters is none: something was made with it.
 */
export function isDefiniteRefusal(error: unknown): boolean {
  // The second is how the EBS direct APIs call it.
  if (/^(Idempotent|ConflictException$)/.test(awsErrorCode(error) ?? '')) return false;
  const named = nameAwsError(error);
  return REFUSALS.some((refusal) => named instanceof refusal);
}

/** Gives an error of the SDK, or of a store on S3, the class of its cause; every other error is returned as it is. */
export function nameAwsError(error: unknown): unknown {
  if (error instanceof StoreFailed && error.retryable) {
    return new ServiceUnavailable(error.message, { cause: error });
  }
  if (!(error instanceof Error) || error instanceof LandfallError) return error;
  const systemCode = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (CONNECTION.has(error.name) || CONNECTION.has(systemCode)) {
    return new ServiceUnavailable(`no answer from AWS: ${error.message || systemCode}`, { cause: error });
  }
  const code = awsErrorCode(error);
  if (code === undefined) return error;
  // The answer to a HEAD has no body that could name a reason.
  const message =
    code === 'Unknown' ? `HTTP status ${httpStatus(error)}, no reason given` : `${code}: ${error.message}`;
  if (THROTTLES.has(code)) return new Throttled(message, { cause: error });
  if (QUOTAS.has(code)) return new QuotaReached(message, { cause: error });
  if (CAPACITY.has(code)) return new InsufficientCapacity(message, { cause: error });
  if (httpStatus(error) >= 500) return new ServiceUnavailable(message, { cause: error });
  if (/\.NotFound$/.test(code)) return new NotVisible(message, { cause: error });
  if (DENIALS.has(code)) return new NotAuthorized(message, { cause: error });
  return new AwsRefused(message, { cause: error });
}

function httpStatus(error: object): number {
  const metadata: unknown = Reflect.get(error, '$metadata');
  const status =
    typeof metadata === 'object' && metadata !== null ? Reflect.get(metadata, 'httpStatusCode') : 0;
  return typeof status === 'number' ? status : 0;
}
