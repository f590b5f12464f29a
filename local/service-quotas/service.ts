import type {
  GetAWSDefaultServiceQuotaRequest,
  GetAWSDefaultServiceQuotaResponse,
  GetServiceQuotaRequest,
  GetServiceQuotaResponse,
  ListServiceQuotasRequest,
  ListServiceQuotasResponse,
  ServiceQuota,
} from '@aws-sdk/client-service-quotas';
import { AwsError, type RegionContext, type Service } from '../service.ts';
import { appliedOf, QUOTAS, type QuotaDefinition, SERVICE_NAMES } from './quotas.ts';

/** A quota that another service of the region keeps to. */
export interface QuotaBinding {
  /** undefined while that service has no such limit. */
  get(): number | undefined;
  set(value: number): void;
}

/** The simulated Service Quotas: what an account may have, as it is told and as other services keep to it. */
export interface ServiceQuotasService extends Service {
  /** The value in force. @throws Error for an unknown code */
  value(code: string): number;
  /** Changes a value until the region ends; services that know the quota keep to it at once. @throws Error likewise */
  set(code: string, value: number): void;
}

export interface ServiceQuotasDependencies {
  /** By quota code. */
  readonly bindings: Readonly<Record<string, QuotaBinding>>;
}

const MAX_PAGE = 100;

export function makeServiceQuotasService(
  context: RegionContext,
  { bindings }: ServiceQuotasDependencies,
): ServiceQuotasService {
  const changed = new Map<string, number>();
  const inForce = (quota: QuotaDefinition): number =>
    bindings[quota.code]?.get() ?? changed.get(quota.code) ?? appliedOf(quota);
  const output = (quota: QuotaDefinition): ServiceQuota => ({
    ...quotaOutput(context, quota, { accountId: context.accountId, value: inForce(quota) }),
    QuotaAppliedAtLevel: 'ACCOUNT',
  });
  return {
    name: 'servicequotas',
    value: (code) => inForce(byCode(code)),
    set(code, value) {
      byCode(code);
      if (!Number.isFinite(value) || value < 0) {
        throw new Error(`a quota is a number from 0 on; ${code} cannot be ${value}`);
      }
      changed.set(code, value);
      bindings[code]?.set(value);
    },
    operations: {
      GetServiceQuota: (input: GetServiceQuotaRequest): GetServiceQuotaResponse => {
        acceptOnly('GetServiceQuota', input, ['ServiceCode', 'QuotaCode']);
        return { Quota: output(needQuota(input)) };
      },
      GetAWSDefaultServiceQuota: (
        input: GetAWSDefaultServiceQuotaRequest,
      ): GetAWSDefaultServiceQuotaResponse => {
        const quota = needQuota(input);
        return { Quota: quotaOutput(context, quota, { accountId: '', value: quota.default }) };
      },
      ListServiceQuotas: (input: ListServiceQuotasRequest): ListServiceQuotasResponse => {
        const names = ['ServiceCode', 'QuotaCode', 'QuotaAppliedAtLevel', 'MaxResults', 'NextToken'];
        acceptOnly('ListServiceQuotas', input, names);
        const { page, ...token } = pageOf(listed(input), input);
        return { Quotas: page.map(output), ...token };
      },
    },
  };
}

function byCode(code: string): QuotaDefinition {
  const quota = QUOTAS.find((each) => each.code === code);
  if (quota) return quota;
  const codes = QUOTAS.map((each) => `${each.code} (${each.name})`);
  throw new Error(`the region knows no quota ${code}; it knows ${codes.join(', ')}`);
}

const illegal = (message: string): AwsError => new AwsError('IllegalArgumentException', message);

/** Refuses what would be lost silently. @throws IllegalArgumentException naming the first such member */
function acceptOnly(operation: string, input: object, names: readonly string[]): void {
  for (const [name, value] of Object.entries(input)) {
    if (value === undefined || names.includes(name)) continue;
    throw illegal(`${operation}: parameter ${name} is not simulated by the local region`);
  }
}

/** @throws NoSuchResourceException */
function checkService(code: string | undefined): string {
  if (code !== undefined && Object.hasOwn(SERVICE_NAMES, code)) return code;
  throw new AwsError(
    'NoSuchResourceException',
    'The request failed because the specified service does not exist.',
  );
}

/** @throws NoSuchResourceException */
function needQuota(input: {
  readonly ServiceCode?: string | undefined;
  readonly QuotaCode?: string | undefined;
}): QuotaDefinition {
  const service = checkService(input.ServiceCode);
  const quota = QUOTAS.find((each) => each.service === service && each.code === input.QuotaCode);
  if (quota) return quota;
  throw new AwsError(
    'NoSuchResourceException',
    `The request failed because the specified quota ${input.QuotaCode} does not exist for service ${service}. (The local region knows few: docs/local-region.md)`,
  );
}

/** All quotas here are the account's, none a single resource's. */
function listed(input: ListServiceQuotasRequest): QuotaDefinition[] {
  const service = checkService(input.ServiceCode);
  if (input.QuotaAppliedAtLevel === 'RESOURCE') return [];
  return QUOTAS.filter((each) => each.service === service).filter(
    (each) => input.QuotaCode === undefined || each.code === input.QuotaCode,
  );
}

/** @throws IllegalArgumentException, InvalidPaginationTokenException */
function pageOf<T>(
  items: readonly T[],
  { MaxResults: size = MAX_PAGE, NextToken: token = '0' }: ListServiceQuotasRequest,
): { readonly page: T[]; readonly NextToken?: string } {
  if (size < 1 || size > MAX_PAGE) throw illegal(`MaxResults must be 1 to ${MAX_PAGE}, not ${size}`);
  const start = Number(token);
  if (!Number.isSafeInteger(start) || start < 0) {
    throw new AwsError('InvalidPaginationTokenException', `The token '${token}' is not valid`);
  }
  const end = start + size;
  return { page: items.slice(start, end), ...(end < items.length ? { NextToken: String(end) } : {}) };
}

interface Told {
  /** Empty for a default, which is nobody's. */
  readonly accountId: string;
  readonly value: number;
}

function quotaOutput(context: RegionContext, quota: QuotaDefinition, told: Told): ServiceQuota {
  const region = quota.global ? '' : context.region;
  return {
    ServiceCode: quota.service,
    ServiceName: SERVICE_NAMES[quota.service],
    QuotaArn: `arn:aws:servicequotas:${region}:${told.accountId}:${quota.service}/${quota.code}`,
    QuotaCode: quota.code,
    QuotaName: quota.name,
    Value: told.value,
    Unit: 'None',
    Adjustable: true,
    GlobalQuota: quota.global ?? false,
    ...(quota.perSecond ? { Period: { PeriodUnit: 'SECOND', PeriodValue: 1 } } : {}),
    ...(quota.usageClass
      ? {
          UsageMetric: {
            MetricNamespace: 'AWS/Usage',
            MetricName: 'ResourceCount',
            MetricDimensions: {
              Class: quota.usageClass,
              Resource: 'vCPU',
              Service: 'EC2',
              Type: 'Resource',
            },
            MetricStatisticRecommendation: 'Maximum',
          },
        }
      : {}),
  };
}
