import { EBSClient } from '@aws-sdk/client-ebs';

const SECOND_MS = 1_000;

const requestHandler = {
  connectionTimeout: 5 * SECOND_MS,
  requestTimeout: 30 * SECOND_MS,
  throwOnRequestTimeout: true,
};

/** For what takes an idempotency token. */
export const ebs = new EBSClient({ maxAttempts: 5, requestHandler });

/** For what takes none: after a lost answer the SDK itself would ask again, and be told that it cannot be done twice. */
export const ebsOnce = new EBSClient({ maxAttempts: 1, requestHandler });

// More than puts are under way at once.
const SOCKETS = 64;

/**
 * For single blocks. It tries once: who puts a block tells throttles from other failures, and paces all tries. "A small
 * fraction of PutSnapshotBlock complete the TCP handshake but never receive a response" (awslabs/coldsnap, issue 438):
 * hence deadlines that are short against a batch, and long against the 100 ms that a put takes.
 */
export const ebsBlocks = new EBSClient({
  maxAttempts: 1,
  cacheMiddleware: true,
  requestHandler: {
    connectionTimeout: 5 * SECOND_MS,
    socketTimeout: 12 * SECOND_MS,
    requestTimeout: 20 * SECOND_MS,
    throwOnRequestTimeout: true,
    httpAgent: { keepAlive: true, maxSockets: SOCKETS },
    httpsAgent: { keepAlive: true, maxSockets: SOCKETS },
  },
});
