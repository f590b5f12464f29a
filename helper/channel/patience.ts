import { setTimeout as sleep } from 'node:timers/promises';
import { S3ServiceException } from '@aws-sdk/client-s3';
import { LandfallError } from '../../core/model/errors.ts';
import { isPassingS3Error } from '../../core/repository/index.ts';
import { StorageUnreachable } from '../errors.ts';

export interface Patience {
  /** How long an action may fail before it is given up. */
  readonly seconds: number;
  readonly signal: AbortSignal;
  readonly onFailure?: (error: unknown) => void;
}

const FIRST_PAUSE_SECONDS = 1;
const LONGEST_PAUSE_SECONDS = 30;

/**
 * Rides out an outage: makes the same request again, after growing pauses, while it fails in ways that pass.
 * @throws StorageUnreachable when that has gone on for too long; what is not passing, or the signal's reason, at once
 */
export async function patiently<Result>(
  action: () => Promise<Result>,
  { seconds, signal, onFailure }: Patience,
): Promise<Result> {
  const givesUpAt = performance.now() + seconds * 1000;
  const longestSeconds = Math.min(LONGEST_PAUSE_SECONDS, seconds / 10);
  for (let pauseSeconds = Math.min(FIRST_PAUSE_SECONDS, longestSeconds); ; pauseSeconds *= 2) {
    try {
      signal.throwIfAborted();
      return await action();
    } catch (error) {
      signal.throwIfAborted();
      if (!isPassing(error)) throw error;
      onFailure?.(error);
      if (performance.now() > givesUpAt) {
        throw new StorageUnreachable(`S3 has failed for ${seconds} seconds: ${describe(error)}`, {
          cause: error,
        });
      }
    }
    const most = Math.min(pauseSeconds, longestSeconds);
    // Jitter, so that requests that failed together do not come back together.
    await sleep(most * (0.5 + Math.random() / 2) * 1000, undefined, { signal }).catch(() => undefined);
  }
}

const describe = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}` : String(error);

/** Whether what a request to S3 threw may go away by itself: no answer, throttling, trouble on S3's side. */
export function isPassing(error: unknown): boolean {
  if (error instanceof LandfallError) return error.retryable;
  // Connections, timeouts, credentials that the instance's metadata did not give just now.
  if (!(error instanceof S3ServiceException)) return true;
  return isPassingS3Error(error);
}
