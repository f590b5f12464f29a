/*
 * The figures that every estimate of time and cost is made of, each with what it rests on. docs/cost-model.md is drawn
 * from this file (node test/docs/write-docs.ts).
 */

/** What a figure rests on. */
export type Basis =
  /** AWS's documentation or price list says it. */
  | 'documented'
  /** Somebody measured it, on AWS or elsewhere. */
  | 'measured'
  /** Our own workflow is made so. */
  | 'ours'
  /** No source gives it: a guess that a first run on AWS should replace. */
  | 'assumed';

export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly basis: Basis;
  readonly source: string;
}

/** When the figures were gathered, and where the prices hold. */
export const FIGURES_OF = 'November 2026';
export const PRICE_REGION = 'us-east-1';

const EBS_DIRECT_PRICING = 'docs.aws.amazon.com/ebs/latest/userguide/ebsapi-pricing.html';
const EBS_PRICING = 'aws.amazon.com/ebs/pricing';
const LAMBDA_PRICING = 'aws.amazon.com/lambda/pricing';
const S3_PRICING = 'aws.amazon.com/s3/pricing, as of arXiv 2501.07771, table 2';

/** In US dollars. */
export const PRICES = {
  putBlock: {
    what: 'PutSnapshotBlock, a block of 512 KiB',
    value: 0.000_006,
    unit: 'USD a block',
    basis: 'documented',
    source: EBS_DIRECT_PRICING,
  },
  lambdaGbSecond: {
    what: 'Lambda on arm64',
    value: 0.000_013_333_4,
    unit: 'USD a GB-second',
    basis: 'documented',
    source: LAMBDA_PRICING,
  },
  stateTransition: {
    what: 'state transition of a standard workflow',
    value: 0.000_025,
    unit: 'USD a transition',
    basis: 'documented',
    source: 'aws.amazon.com/step-functions/pricing',
  },
  s3Put: {
    what: 'S3 PUT, COPY, LIST and the parts of multipart uploads',
    value: 0.000_005,
    unit: 'USD a request',
    basis: 'documented',
    source: S3_PRICING,
  },
  s3Get: {
    what: 'S3 GET',
    value: 0.000_000_4,
    unit: 'USD a request',
    basis: 'documented',
    source: S3_PRICING,
  },
  s3GibMonth: {
    what: 'S3 Standard',
    value: 0.023,
    unit: 'USD a GiB and month',
    basis: 'documented',
    source: S3_PRICING,
  },
  snapshotGibMonth: {
    what: 'EBS snapshot',
    value: 0.05,
    unit: 'USD a GiB and month',
    basis: 'documented',
    source: EBS_PRICING,
  },
  gp3GibMonth: {
    what: 'gp3 volume (the helper’s root)',
    value: 0.08,
    unit: 'USD a GiB and month',
    basis: 'documented',
    source: EBS_PRICING,
  },
  initializationGib: {
    what: 'initialization at 300 MiB/s; less at lower rates, taken as proportional (assumed)',
    value: 0.003_6,
    unit: 'USD a GiB of snapshot data',
    basis: 'documented',
    source: EBS_PRICING,
  },
} as const satisfies Record<string, Figure>;

/**
 * On-Demand Linux prices by family, in US dollars a vCPU and hour: within a family they go by vCPU. The prices of
 * AWS's Price List API as of 2026-07-20, as Karpenter's repository keeps them (pkg/providers/pricing).
 */
export const VCPU_HOUR_USD: Readonly<Record<string, number>> = {
  c7g: 0.036_25,
  c7gn: 0.062_4,
  c8g: 0.039_88,
  c8gb: 0.059_25,
  c8gn: 0.059_25,
  m7g: 0.040_8,
  m8g: 0.044_88,
  m8gb: 0.072_75,
  r7g: 0.053_55,
  r8g: 0.058_91,
  r8gb: 0.091_09,
};
/** For a helper of another family, which only a request can name. */
export const OTHER_VCPU_HOUR_USD = 0.07;

const EBS_QUOTAS = 'docs.aws.amazon.com/ebs/latest/userguide/ebs-resource-quotas.html';
const NOT_FOUND = 'no source found';
const WORKFLOW = 'infra/workflows';

export const SPEEDS = {
  snapshotPutsPerSecond: {
    what: 'PutSnapshotBlock calls to one snapshot, not adjustable',
    value: 1_000,
    unit: 'calls a second',
    basis: 'documented',
    source: EBS_QUOTAS,
  },
  reachedShare: {
    what: 'share of the allowed calls that the limiter gets through',
    value: 0.95,
    unit: '',
    basis: 'ours',
    source: 'lambdas/restore/direct, tested with a virtual clock',
  },
  lambdaMibps: {
    what: 'one Lambda, in and out independently',
    value: 75,
    unit: 'MiB/s',
    basis: 'measured',
    source: 'arXiv 2501.07771; the documented limit is 625 Mbps',
  },
  lambdaGb: {
    what: 'memory of a Lambda that moves data',
    value: 2,
    unit: 'GB',
    basis: 'ours',
    source: 'infra/constructs/functions.ts',
  },
  batchesAtOnce: {
    what: 'Lambdas that upload one disk; direct has its own number',
    value: 16,
    unit: '',
    basis: 'ours',
    source: WORKFLOW,
  },
  disksAtOnce: { what: 'disks under way at once', value: 20, unit: '', basis: 'ours', source: WORKFLOW },
  importSeconds: {
    what: 'import of a snapshot by VM Import, whatever its size',
    value: 18 * 60,
    unit: 's',
    basis: 'measured',
    source: '16 MB in 15 to 18 min (github.com/nanovms/ops #799), 5 to 20 min in other reports',
  },
  importMibps: {
    what: 'and on top for every MiB of the disk, zeros included',
    value: 60,
    unit: 'MiB/s',
    basis: 'assumed',
    source: NOT_FOUND,
  },
  importImageSeconds: {
    what: 'conversion by ImportImage, whatever its size',
    value: 40 * 60,
    unit: 's',
    basis: 'assumed',
    source: '750 MB in about an hour (github.com/hashicorp/packer #4062), 20 to 60 min in other reports',
  },
  helperUpSeconds: {
    what: 'helper, from launch to its first report, and its volumes attached',
    value: 90,
    unit: 's',
    basis: 'assumed',
    source: 'launch to SSH is 26 s (brevdev/ec2-coldboot-research); the rest is a guess',
  },
  helperDownSeconds: {
    what: 'volumes detached from the helper',
    value: 30,
    unit: 's',
    basis: 'assumed',
    source: NOT_FOUND,
  },
  snapshotCompleteSeconds: {
    what: 'snapshot from CompleteSnapshot to completed',
    value: 60,
    unit: 's',
    basis: 'assumed',
    source: 'NixOS/amis waits up to 60 s',
  },
  volumeSeconds: {
    what: 'volume from a snapshot, until available',
    value: 30,
    unit: 's',
    basis: 'assumed',
    source: NOT_FOUND,
  },
  bucketSeconds: {
    what: 'temporary bucket and its all-zero object',
    value: 20,
    unit: 's',
    basis: 'assumed',
    source: NOT_FOUND,
  },
  planSeconds: { what: 'plan', value: 15, unit: 's', basis: 'assumed', source: NOT_FOUND },
  targetSeconds: {
    what: 'target launched and stopped, beside the disks',
    value: 180,
    unit: 's',
    basis: 'assumed',
    source: NOT_FOUND,
  },
  attachSeconds: {
    what: 'volumes attached, target handed over',
    value: 45,
    unit: 's',
    basis: 'assumed',
    source: NOT_FOUND,
  },
  defaultInitializationMibps: {
    what: 'a snapshot’s data coming onto its volume at EBS’s default rate, which “fluctuates”',
    value: 17,
    unit: 'MiB/s',
    basis: 'assumed',
    source: 'about 1 min a GB, read from end to end (ldoughty.com, 2018); AWS names no rate',
  },
  compression: {
    what: 'data in the repository, smaller by',
    value: 2.8,
    unit: '',
    basis: 'measured',
    source: 'zstd level 3 on 512 KiB blocks of a Linux disk',
  },
  readMib: {
    what: 'one GET reads of the repository, at least',
    value: 4,
    unit: 'MiB',
    basis: 'ours',
    source: 'core/repository',
  },
  helperRootGib: {
    what: 'root volume of the helper',
    value: 8,
    unit: 'GiB',
    basis: 'documented',
    source: 'Amazon Linux 2023',
  },
  transitionsOfRestore: {
    what: 'state transitions of a restore',
    value: 150,
    unit: '',
    basis: 'ours',
    source: WORKFLOW,
  },
  transitionsOfDisk: { what: 'and of each disk', value: 40, unit: '', basis: 'ours', source: WORKFLOW },
  transitionsOfBatch: {
    what: 'and of each batch of segments',
    value: 3,
    unit: '',
    basis: 'ours',
    source: WORKFLOW,
  },
  transitionsOfMinute: {
    what: 'and of each disk for every minute that is waited for it',
    value: 3,
    unit: '',
    basis: 'ours',
    source: WORKFLOW,
  },
} as const satisfies Record<string, Figure>;

/** How `auto` weighs time against money. */
export const WEIGHTS = {
  bootableHour: {
    what: 'an hour until the machine can boot counts as much as',
    value: 20,
    unit: 'USD',
    basis: 'ours',
    source: 'a choice: who sees it otherwise names the strategy',
  },
  slowHour: {
    what: 'an hour after that in which volumes are still being filled',
    value: 0.5,
    unit: 'USD',
    basis: 'ours',
    source: 'a choice: the machine works meanwhile, and the time is a guess',
  },
  tie: {
    what: 'differences that count as none (three minutes)',
    value: 1,
    unit: 'USD',
    basis: 'ours',
    source: 'a choice: less than the model can tell apart',
  },
} as const satisfies Record<string, Figure>;
