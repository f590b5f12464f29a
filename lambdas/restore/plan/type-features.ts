import type { InstanceTypeInfo } from '@aws-sdk/client-ec2';
import type { PlannedDisk } from '../../../core/model/plan.ts';
import type { TargetFacts } from './facts.ts';
import { throughputOf } from './volume-throughput.ts';

const MB_PER_MIB = 1_024 ** 2 / 1e6;
const GP3_BASELINE_IOPS = 3_000;

interface Asked {
  readonly info: InstanceTypeInfo;
  readonly field: string;
}

/** Holds what a machine cannot do without, and what is paid for its volumes, against what a type has. */
export function checkTypeFeatures(asked: Asked, facts: TargetFacts): void {
  checkTpm(asked, facts);
  checkEna(asked, facts);
  checkEbsLimits(asked, facts);
}

function checkTpm({ info, field }: Asked, { workload, findings }: TargetFacts): void {
  if (workload.tpmSupport === undefined || info.NitroTpmSupport !== 'unsupported') return;
  findings.error(
    field,
    info.InstanceType,
    `has no NitroTPM, the machine has TPM ${workload.tpmSupport}`,
    'Choose a type with NitroTPM (aws ec2 describe-instance-types --filters Name=nitro-tpm-support,Values=supported)',
  );
}

/** RunInstances refuses an image without ENA on a type that cannot do without. */
function checkEna({ info, field }: Asked, { launchImage, findings }: TargetFacts): void {
  const lacksEna = launchImage?.kind === 'blank' && !launchImage.enaSupport;
  if (!lacksEna || info.NetworkInfo?.EnaSupport !== 'required') return;
  findings.error(
    field,
    info.InstanceType,
    'takes systems with the ENA network driver only, and the source instance was without (EnaSupport false)',
    'Choose a type of before the Nitro system, e.g. m4.large',
  );
}

/** Only where more was asked for than a volume has by itself: a small instance with default volumes is no mistake. */
function checkEbsLimits({ info, field }: Asked, { disks, findings }: TargetFacts): void {
  const limits = info.EbsInfo?.EbsOptimizedInfo;
  if (!limits || !disks.some(isProvisioned)) return;
  const mbps = disks.reduce((sum, disk) => sum + throughputOf(disk).sustainedMiBps * MB_PER_MIB, 0);
  const { MaximumThroughputInMBps: mostMBps, BaselineThroughputInMBps: sustained } = limits;
  if (mostMBps !== undefined && mbps > mostMBps) {
    findings.warning(
      field,
      info.InstanceType,
      `moves ${Math.floor(mostMBps)} MB/s to and from its volumes at most (${Math.floor(sustained ?? mostMBps)} for long), which together can take ${Math.round(mbps)} MB/s`,
      'Choose a type with more EBS bandwidth, or give the volumes less',
    );
  }
  const iops = disks.reduce((sum, disk) => sum + iopsOf(disk), 0);
  const { MaximumIops: mostIops, BaselineIops: sustainedIops } = limits;
  if (mostIops !== undefined && iops > mostIops) {
    findings.warning(
      field,
      info.InstanceType,
      `does ${mostIops} I/O operations a second at most (${sustainedIops ?? mostIops} for long), its volumes together ${iops}`,
      'Choose a type with more EBS IOPS, or give the volumes less',
    );
  }
}

const isProvisioned = ({ volumeType, iops, throughput }: PlannedDisk): boolean =>
  volumeType === 'io1' || volumeType === 'io2' || (throughput ?? 0) > 125 || (iops ?? 0) > GP3_BASELINE_IOPS;

function iopsOf({ volumeType, iops, volumeGiB }: PlannedDisk): number {
  if (iops !== undefined) return iops;
  if (volumeType === 'gp2') return Math.min(16_000, Math.max(100, 3 * volumeGiB));
  return volumeType === 'gp3' ? GP3_BASELINE_IOPS : 0;
}
