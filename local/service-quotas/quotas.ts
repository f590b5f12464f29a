/**
 * The quotas that a restore can run into, of the hundreds there are. Codes, names and defaults are those of Service
 * Quotas in us-east-1 (general/latest/gr, "endpoints and quotas" of each service).
 */

export interface QuotaDefinition {
  readonly service: keyof typeof SERVICE_NAMES;
  readonly code: string;
  readonly name: string;
  /** What a new account has on AWS. */
  readonly default: number;
  /** What the region's account has until told otherwise, where that is not the default. */
  readonly applied?: number;
  /** One value for all regions. */
  readonly global?: true;
  readonly perSecond?: true;
  /** Where CloudWatch would show what of it is in use. */
  readonly usageClass?: string;
}

export const SERVICE_NAMES = {
  ec2: 'Amazon Elastic Compute Cloud (Amazon EC2)',
  ebs: 'Amazon Elastic Block Store (Amazon EBS)',
  s3: 'Amazon Simple Storage Service (Amazon S3)',
  vmimportexport: 'VM Import/Export',
} as const;

export const CODES = {
  standardVcpus: 'L-1216C47A',
  gp2: 'L-D18FCD1D',
  gp3: 'L-7A658B76',
  io1: 'L-FD252861',
  io2: 'L-09BD8365',
  directPuts: 'L-AFAE1BE8',
  importTasks: 'L-66ABAAD5',
  buckets: 'L-DC2B2D3D',
} as const;

/** Capacity of an account whose quotas have been raised: nothing is in the way by itself. */
const APPLIED_VCPUS = 5_000;
const APPLIED_STORAGE_TIB = 5_000;

const storage = (code: string, of: string, tib: number): QuotaDefinition => ({
  service: 'ebs',
  code,
  name: `Storage for ${of} volumes, in TiB`,
  default: tib,
  applied: APPLIED_STORAGE_TIB,
});

export const QUOTAS: readonly QuotaDefinition[] = [
  {
    service: 'ec2',
    code: CODES.standardVcpus,
    name: 'Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances',
    default: 5,
    applied: APPLIED_VCPUS,
    usageClass: 'Standard/OnDemand',
  },
  storage(CODES.gp2, 'General Purpose SSD (gp2)', 50),
  storage(CODES.gp3, 'General Purpose SSD (gp3)', 50),
  storage(CODES.io1, 'Provisioned IOPS SSD (io1)', 50),
  storage(CODES.io2, 'Provisioned IOPS SSD (io2)', 20),
  {
    service: 'ebs',
    code: CODES.directPuts,
    name: 'PutSnapshotBlock requests per account',
    default: 5_000,
    perSecond: true,
  },
  { service: 's3', code: CODES.buckets, name: 'General purpose buckets', default: 10_000, global: true },
  {
    service: 'vmimportexport',
    code: CODES.importTasks,
    name: 'Concurrent task limit for ImportImage, ImportSnapshot, and ExportImage',
    default: 20,
  },
];

export const appliedOf = (quota: QuotaDefinition): number => quota.applied ?? quota.default;
