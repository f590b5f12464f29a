import { EC2Client } from '@aws-sdk/client-ec2';

// Timeouts, because the SDK has none of its own.
const requestHandler = { connectionTimeout: 5_000, requestTimeout: 20_000, throwOnRequestTimeout: true };

/** One client per sandbox. */
export const ec2 = new EC2Client({ maxAttempts: 5, requestHandler });

/**
 * For what takes no idempotency token: after a lost answer the SDK itself would make it a second time, so the step
 * fails instead, and its next try looks for what is there first.
 */
export const ec2Once = new EC2Client({ maxAttempts: 1, requestHandler });
