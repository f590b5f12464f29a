import { performance } from 'node:perf_hooks';
import { accountThrottled, snapshotThrottled } from './errors.ts';
import { type EbsRates, type EbsRequest, type EbsThrottle, makeEbsThrottle } from './quota-model.ts';

/** Service quotas that can be switched; what is undefined is not limited. */
export interface EbsQuotas {
  /** Snapshots that were started directly and are pending; 100 on AWS. */
  readonly pendingSnapshots?: number | undefined;
  /** Requests a second: `AWS_EBS_RATES` are those of AWS. */
  readonly rates?: EbsRates | undefined;
  /** Milliseconds of the clock that the rates count by; the real one when absent. */
  readonly clock?: (() => number) | undefined;
}

/** Rates are left to whoever wants them: a test on a busy machine must not depend on how fast it is. */
export const DEFAULT_QUOTAS: EbsQuotas = { pendingSnapshots: 100 };

/** The quotas in force. Setting new ones fills all buckets. */
export interface QuotaSwitch {
  current: EbsQuotas;
  /** @throws AwsError RequestThrottledException (snapshot), ThrottlingException (account) */
  admit(request: Omit<EbsRequest, 'nowMs'>): void;
  forget(snapshotId: string): void;
}

export function makeQuotaSwitch(): QuotaSwitch {
  let current = DEFAULT_QUOTAS;
  let throttle: EbsThrottle | undefined;
  return {
    get current() {
      return current;
    },
    set current(quotas) {
      current = quotas;
      throttle = quotas.rates && makeEbsThrottle(quotas.rates);
    },
    admit(request) {
      if (!throttle) return;
      const nowMs = current.clock ? current.clock() : performance.now();
      const throttled = throttle.admit({ ...request, nowMs });
      if (throttled === 'snapshot') throw snapshotThrottled();
      if (throttled === 'account') throw accountThrottled();
    },
    forget: (snapshotId) => throttle?.forget(snapshotId),
  };
}
