import type { z } from 'zod';
import type { volumeTypeSchema } from '../../../core/model/request.ts';
import type { Findings } from './findings.ts';

type VolumeType = z.infer<typeof volumeTypeSchema>;

interface VolumeLimits {
  readonly minGiB: number;
  readonly maxGiB: number;
  readonly iops?: { readonly min: number; readonly max: number; readonly perGiB: number };
  readonly bootable: boolean;
}

// Source: Amazon EBS User Guide, volume types (gp3 raised to 64 TiB, 80,000 IOPS and 2,000 MiB/s in 2025).
const LIMITS: Readonly<Record<VolumeType, VolumeLimits>> = {
  gp2: { minGiB: 1, maxGiB: 16_384, bootable: true },
  gp3: { minGiB: 1, maxGiB: 65_536, iops: { min: 3_000, max: 80_000, perGiB: 500 }, bootable: true },
  io1: { minGiB: 4, maxGiB: 16_384, iops: { min: 100, max: 64_000, perGiB: 50 }, bootable: true },
  io2: { minGiB: 4, maxGiB: 65_536, iops: { min: 100, max: 256_000, perGiB: 1_000 }, bootable: true },
  st1: { minGiB: 125, maxGiB: 16_384, bootable: false },
  sc1: { minGiB: 125, maxGiB: 16_384, bootable: false },
  standard: { minGiB: 1, maxGiB: 1_024, bootable: true },
};

const GP3_BASELINE_IOPS = 3_000;
const GP3_THROUGHPUT_MIBPS = { min: 125, max: 2_000, perIops: 0.25 };

export interface VolumeSettings {
  readonly volumeType: VolumeType;
  readonly volumeGiB: number;
  readonly iops?: number;
  readonly throughput?: number;
  readonly boot: boolean;
}

/** Holds a volume's settings against EBS's documented limits. `field` is the request's path of the disk. */
export function checkVolumeSettings(field: string, settings: VolumeSettings, findings: Findings): void {
  const { volumeType, volumeGiB, boot } = settings;
  const limits = LIMITS[volumeType];
  if (volumeGiB < limits.minGiB || volumeGiB > limits.maxGiB) {
    findings.error(
      `${field}.volumeType`,
      volumeType,
      `volumes of this type hold ${limits.minGiB} to ${limits.maxGiB} GiB, the disk needs ${volumeGiB}`,
      'Choose another type, e.g. gp3',
    );
  }
  if (boot && !limits.bootable) {
    findings.error(
      `${field}.volumeType`,
      volumeType,
      'cannot be a root volume',
      'Choose gp3, gp2, io1 or io2',
    );
  }
  checkIops(field, settings, limits, findings);
  checkThroughput(field, settings, findings);
}

function checkIops(field: string, settings: VolumeSettings, limits: VolumeLimits, findings: Findings): void {
  const { volumeType, volumeGiB, iops } = settings;
  if (iops === undefined) {
    if (volumeType === 'io1' || volumeType === 'io2') {
      findings.error(
        `${field}.iops`,
        'nothing',
        `${volumeType} volumes need it`,
        'Give disks[].iops, or choose gp3',
      );
    }
    return;
  }
  if (!limits.iops) {
    findings.error(
      `${field}.iops`,
      iops,
      `cannot be set for ${volumeType}`,
      'Leave it out, or choose gp3, io1 or io2',
    );
    return;
  }
  const most = Math.max(limits.iops.min, Math.min(limits.iops.max, volumeGiB * limits.iops.perGiB));
  if (iops < limits.iops.min || iops > most) {
    findings.error(
      `${field}.iops`,
      iops,
      `a ${volumeType} volume of ${volumeGiB} GiB takes ${limits.iops.min} to ${most}`,
      'Choose a value in that range',
    );
  }
}

function checkThroughput(field: string, settings: VolumeSettings, findings: Findings): void {
  const { volumeType, throughput, iops = GP3_BASELINE_IOPS } = settings;
  if (throughput === undefined) return;
  if (volumeType !== 'gp3') {
    findings.error(
      `${field}.throughput`,
      throughput,
      `cannot be set for ${volumeType}`,
      'Leave it out, or choose gp3',
    );
    return;
  }
  const most = Math.min(GP3_THROUGHPUT_MIBPS.max, iops * GP3_THROUGHPUT_MIBPS.perIops);
  if (throughput < GP3_THROUGHPUT_MIBPS.min || throughput > most) {
    findings.error(
      `${field}.throughput`,
      throughput,
      `with ${iops} IOPS a gp3 volume takes ${GP3_THROUGHPUT_MIBPS.min} to ${most} MiB/s`,
      'Choose a value in that range, or raise iops (0.25 MiB/s per IOPS)',
    );
  }
}
