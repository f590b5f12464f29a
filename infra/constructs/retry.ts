import { Duration } from 'aws-cdk-lib';
import { JitterType, type RetryProps } from 'aws-cdk-lib/aws-stepfunctions';

/**
 * The classes of retry. Their error names are those of the error classes in core and lambdas that say they are
 * retryable, and those the Lambda service itself gives; a test holds the two against each other.
 */
export const RETRY = {
  /** What passes by itself within minutes. Every step may run twice, so a lost answer is retried as well. */
  transient: {
    errors: [
      'Throttled',
      'ServiceUnavailable',
      'RecordChanged',
      'RepositoryBusy',
      'LeaseLost',
      'Lambda.ServiceException',
      'Lambda.AWSLambdaException',
      'Lambda.SdkClientException',
      'Lambda.TooManyRequestsException',
      'Lambda.Unknown',
      'Runtime.ExitError',
      'Sandbox.Timedout',
    ],
    interval: Duration.seconds(2),
    backoffRate: 2,
    maxAttempts: 5,
    maxDelay: Duration.seconds(60),
    jitterStrategy: JitterType.FULL,
  },
  /** A quota frees itself when other work of the account ends: an import takes an hour and more. */
  quota: {
    errors: ['QuotaReached'],
    interval: Duration.seconds(60),
    backoffRate: 1.5,
    maxAttempts: 60,
    maxDelay: Duration.minutes(5),
    jitterStrategy: JitterType.FULL,
  },
  /** Capacity comes and goes within minutes, or does not. */
  capacity: {
    errors: ['InsufficientCapacity'],
    interval: Duration.seconds(30),
    backoffRate: 2,
    maxAttempts: 4,
    maxDelay: Duration.minutes(5),
    jitterStrategy: JitterType.FULL,
  },
} as const satisfies Record<string, RetryProps>;

export type RetryClass = keyof typeof RETRY;
