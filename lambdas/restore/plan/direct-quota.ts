import { GetServiceQuotaCommand, ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { LandfallError } from '../../../core/model/errors.ts';
import { nameAwsError } from '../../runtime/aws-errors.ts';
import { environment } from '../../runtime/step.ts';
import type { Findings } from './findings.ts';

const quotas = new ServiceQuotasClient({
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 3_000, requestTimeout: 5_000, throwOnRequestTimeout: true },
});

// "PutSnapshotBlock requests per account", a second; it can be raised.
const QUOTA = { ServiceCode: 'ebs', QuotaCode: 'L-AFAE1BE8' };

// EBS User Guide, quotas for Amazon EBS: what accounts begin with.
const DEFAULT_PER_SECOND = 1_000;
const LARGE_DEFAULT_PER_SECOND = 5_000;
const LARGE_REGIONS = new Set(['us-east-1', 'us-east-2', 'us-west-2', 'ap-southeast-1', 'eu-west-1']);

/**
 * PutSnapshotBlock calls a second that the account may make in this Region. Where Service Quotas does not tell, the
 * documented default: whoever writes finds out what there really is.
 */
export async function accountPutsPerSecond(findings: Findings): Promise<number> {
  try {
    const { Quota } = await quotas.send(new GetServiceQuotaCommand(QUOTA));
    return Math.floor(Quota?.Value ?? 0) || defaultPutsPerSecond(environment().AWS_REGION);
  } catch (error) {
    const named = nameAwsError(error);
    if (!(named instanceof LandfallError)) throw error;
    findings.notKnown('quota "PutSnapshotBlock requests per account"', named.message);
    return defaultPutsPerSecond(environment().AWS_REGION);
  }
}

/** What an account may put at first in a Region. */
export const defaultPutsPerSecond = (region: string): number =>
  LARGE_REGIONS.has(region) ? LARGE_DEFAULT_PER_SECOND : DEFAULT_PER_SECOND;
