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
  'SnapshotCreationPerVolumeRateExceeded',
]);

// The code for "too many import tasks" is not documented; ResourceCountExceeded is EC2's general one.
const QUOTAS = new Set([
  'ResourceCountExceeded',
  'ResourceCountLimitExceeded',
  'ConcurrentSnapshotLimitExceeded',
  'PendingSnapshotLimitExceeded',
  'ResourceLimitExceeded',
]);

const CAPACITY = new Set([
  'InsufficientInstanceCapacity',
  'InsufficientVolumeCapacity',
  'InsufficientCapacity',
]);

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

/** Whether AWS answered, and the answer was a definite no: nothing was made. */
export function isDefiniteRefusal(error: unknown): boolean {
  const named = nameAwsError(error);
  return (
    named instanceof AwsRefused || named instanceof QuotaReached || named instanceof InsufficientCapacity
  );
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
  const message = `${code}: ${error.message}`;
  if (THROTTLES.has(code)) return new Throttled(message, { cause: error });
  if (QUOTAS.has(code)) return new QuotaReached(message, { cause: error });
  if (CAPACITY.has(code)) return new InsufficientCapacity(message, { cause: error });
  if (httpStatus(error) >= 500) return new ServiceUnavailable(message, { cause: error });
  return new AwsRefused(message, { cause: error });
}

function httpStatus(error: object): number {
  const metadata: unknown = Reflect.get(error, '$metadata');
  const status =
    typeof metadata === 'object' && metadata !== null ? Reflect.get(metadata, 'httpStatusCode') : 0;
  return typeof status === 'number' ? status : 0;
}
