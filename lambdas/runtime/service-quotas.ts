import { GetServiceQuotaCommand, ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { LandfallError } from '../../core/model/errors.ts';
import { nameAwsError } from './aws-errors.ts';

// A plan does well without: it is not to wait long.
const client = new ServiceQuotasClient({
  maxAttempts: 2,
  requestHandler: { connectionTimeout: 3_000, requestTimeout: 5_000, throwOnRequestTimeout: true },
});

/** A quota by its codes in Service Quotas. */
export interface QuotaName {
  readonly service: 'ec2' | 'ebs' | 'vmimportexport';
  readonly code: string;
}

export type QuotaAnswer =
  | { readonly kind: 'known'; readonly value: number }
  /** Whatever the reason: access is denied, there is no such quota or no such service here, it does not answer. */
  | { readonly kind: 'unknown'; readonly why: string };

/** The account's value of a quota, as far as Service Quotas tells it. */
export async function askQuota({ service, code }: QuotaName): Promise<QuotaAnswer> {
  try {
    const { Quota } = await client.send(
      new GetServiceQuotaCommand({ ServiceCode: service, QuotaCode: code }),
    );
    if (Quota?.Value === undefined) return { kind: 'unknown', why: 'Service Quotas gives no value' };
    return { kind: 'known', value: Quota.Value };
  } catch (error) {
    const named = nameAwsError(error);
    if (!(named instanceof LandfallError)) throw error;
    return { kind: 'unknown', why: named.message };
  }
}
