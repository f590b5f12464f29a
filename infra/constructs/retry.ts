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
      'Lambda.Unknown',
      'Runtime.ExitError',
      'Sandbox.Timedout',
      'States.Timeout',
    ],
    interval: Duration.seconds(2),
    backoffRate: 2,
    maxAttempts: 5,
    maxDelay: Duration.seconds(60),
    jitterStrategy: JitterType.FULL,
  },
  /** What was made, or tagged, a moment ago, and is not seen everywhere yet (EC2: up to "a few minutes"). */
  settling: {
    errors: ['NotVisible', 'NotAuthorized'],
    interval: Duration.seconds(5),
    backoffRate: 1.5,
    maxAttempts: 12,
    maxDelay: Duration.seconds(30),
    jitterStrategy: JitterType.NONE,
  },
  /** All of the account's Lambda concurrency is in use, by our own batches or by others: they end after minutes each. */
  concurrency: {
    errors: ['Lambda.TooManyRequestsException'],
    interval: Duration.seconds(5),
    backoffRate: 1.5,
    maxAttempts: 240,
    maxDelay: Duration.seconds(60),
    jitterStrategy: JitterType.FULL,
  },
  /**
   * A batch that was slow goes on in another Lambda run of a quarter of an hour, as often as it takes: for as long as the
   * restore itself may last.
   */
  unfinished: {
    errors: ['BatchUnfinished'],
    interval: Duration.seconds(1),
    backoffRate: 1,
    maxAttempts: 1_400,
    maxDelay: Duration.seconds(10),
    jitterStrategy: JitterType.NONE,
  },
  /** A quota frees itself when other work of the account ends: imports take hours. Together about a day. */
  quota: {
    errors: ['QuotaReached'],
    interval: Duration.seconds(60),
    backoffRate: 1.2,
    maxAttempts: 300,
    maxDelay: Duration.minutes(5),
    jitterStrategy: JitterType.NONE,
  },
  /**
   * Room in the quota of vCPUs that machines of others take: it frees itself soon, or somebody has to have it raised. What
   * waits holds up what is made already, so about an hour.
   */
  launchQuota: {
    errors: ['QuotaReached'],
    interval: Duration.seconds(30),
    backoffRate: 1.5,
    maxAttempts: 16,
    maxDelay: Duration.minutes(5),
    jitterStrategy: JitterType.NONE,
  },
  /** Capacity comes and goes within minutes, or does not: about an hour. */
  capacity: {
    errors: ['InsufficientCapacity'],
    interval: Duration.seconds(30),
    backoffRate: 1.5,
    maxAttempts: 16,
    maxDelay: Duration.minutes(5),
    jitterStrategy: JitterType.NONE,
  },
} as const satisfies Record<string, RetryProps>;

export type RetryClass = keyof typeof RETRY;
