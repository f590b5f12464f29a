import { EC2Client } from '@aws-sdk/client-ec2';

/** One client per sandbox, with timeouts: the SDK has none of its own. */
export const ec2 = new EC2Client({
  maxAttempts: 5,
  requestHandler: { connectionTimeout: 5_000, requestTimeout: 20_000, throwOnRequestTimeout: true },
});
