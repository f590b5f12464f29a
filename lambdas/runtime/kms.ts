import { KMSClient } from '@aws-sdk/client-kms';

export const kms = new KMSClient({
  maxAttempts: 5,
  requestHandler: { connectionTimeout: 5_000, requestTimeout: 20_000, throwOnRequestTimeout: true },
});
