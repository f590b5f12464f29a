/**
 * The rate quotas of the EBS direct APIs as a model without a clock or a server: what is admitted follows from the
 * times and costs it is given alone, so that a limiter can be rehearsed against it at any scale.
 */

/** Requests a second; undefined where there is no limit. */
export interface EbsRates {
  readonly putsPerSnapshot?: number | undefined;
  readonly putsPerAccount?: number | undefined;
  readonly getsPerSnapshot?: number | undefined;
  readonly getsPerAccount?: number | undefined;
  readonly startsPerAccount?: number | undefined;
  readonly completesPerAccount?: number | undefined;
  /** Of ListSnapshotBlocks and of ListChangedBlocks each. */
  readonly listsPerAccount?: number | undefined;
}

/** The quotas of us-east-1 (ebs/latest/userguide/ebs-resource-quotas); most regions have 1,000 for the account. */
export const AWS_EBS_RATES = {
  putsPerSnapshot: 1_000,
  putsPerAccount: 5_000,
  getsPerSnapshot: 1_000,
  getsPerAccount: 5_000,
  startsPerAccount: 10,
  completesPerAccount: 10,
  listsPerAccount: 50,
} as const satisfies Required<EbsRates>;

/** A token bucket as it was at a moment. */
export interface Bucket {
  readonly tokens: number;
  readonly atMs: number;
}

export interface Taken {
  readonly granted: boolean;
  readonly bucket: Bucket;
}

/** Shares of tokens add up a hair below the whole that they are. */
const ROUNDING = 1e-9;

/**
 * Takes `cost` tokens from a bucket that holds at most one second's worth (AWS publishes no burst) and is full to
 * begin with. What is refused costs nothing; a clock that runs backwards fills nothing.
 */
export function takeTokens(
  bucket: Bucket | undefined,
  take: { readonly perSecond: number; readonly nowMs: number; readonly cost: number },
): Taken {
  const { perSecond, nowMs, cost } = take;
  const known = bucket ?? { tokens: perSecond, atMs: nowMs };
  const elapsedMs = Math.max(0, nowMs - known.atMs);
  const tokens = Math.min(perSecond, known.tokens + (elapsedMs * perSecond) / 1000);
  const granted = tokens + ROUNDING >= cost;
  const left = granted ? Math.max(0, tokens - cost) : tokens;
  return { granted, bucket: { tokens: left, atMs: Math.max(nowMs, known.atMs) } };
}

export type EbsOperation =
  | 'StartSnapshot'
  | 'PutSnapshotBlock'
  | 'CompleteSnapshot'
  | 'GetSnapshotBlock'
  | 'ListSnapshotBlocks'
  | 'ListChangedBlocks';

export interface EbsRequest {
  readonly operation: EbsOperation;
  readonly snapshotId?: string | undefined;
  readonly nowMs: number;
  /** 1 when absent. */
  readonly cost?: number;
}

/** Whose limit a request ran into. */
export type Throttled = 'snapshot' | 'account';

export interface EbsThrottle {
  /** undefined when the request may go on; then it has been counted. */
  admit(request: EbsRequest): Throttled | undefined;
  /** Forgets the limits' state for a snapshot that is gone. */
  forget(snapshotId: string): void;
}

const LIMITS: Readonly<Record<EbsOperation, { account: keyof EbsRates; snapshot?: keyof EbsRates }>> = {
  StartSnapshot: { account: 'startsPerAccount' },
  PutSnapshotBlock: { account: 'putsPerAccount', snapshot: 'putsPerSnapshot' },
  CompleteSnapshot: { account: 'completesPerAccount' },
  GetSnapshotBlock: { account: 'getsPerAccount', snapshot: 'getsPerSnapshot' },
  ListSnapshotBlocks: { account: 'listsPerAccount' },
  ListChangedBlocks: { account: 'listsPerAccount' },
};

/** Applies the rates to requests that come in the order of their times. */
export function makeEbsThrottle(rates: EbsRates): EbsThrottle {
  const buckets = new Map<string, Bucket>();

  function taken(name: string, perSecond: number | undefined, request: EbsRequest): Taken | undefined {
    if (perSecond === undefined) return undefined;
    const { nowMs, cost = 1 } = request;
    return takeTokens(buckets.get(name), { perSecond, nowMs, cost });
  }

  return {
    admit(request) {
      const { operation, snapshotId } = request;
      const limit = LIMITS[operation];
      const ofSnapshot = `${operation} ${snapshotId}`;
      const fromSnapshot = limit.snapshot && taken(ofSnapshot, rates[limit.snapshot], request);
      if (fromSnapshot && !fromSnapshot.granted) return 'snapshot';
      const fromAccount = taken(operation, rates[limit.account], request);
      if (fromAccount && !fromAccount.granted) return 'account';
      if (fromSnapshot) buckets.set(ofSnapshot, fromSnapshot.bucket);
      if (fromAccount) buckets.set(operation, fromAccount.bucket);
      return undefined;
    },
    forget(snapshotId) {
      for (const operation of Object.keys(LIMITS)) buckets.delete(`${operation} ${snapshotId}`);
    },
  };
}
