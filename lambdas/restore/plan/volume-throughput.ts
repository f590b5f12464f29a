import type { PlannedDisk } from '../../../core/model/plan.ts';

export interface VolumeThroughput {
  /** At its best: with burst credits, where the type has them. */
  readonly peakMiBps: number;
  /** For as long as it takes. */
  readonly sustainedMiBps: number;
}

const GIB_PER_TIB = 1_024;
const GP3_DEFAULT_MIBPS = 125;
// An I/O operation of SSD volumes is up to 256 KiB: that many MiB.
const MIB_PER_OPERATION = 0.25;

/**
 * What a new, empty volume takes in writes or gives in reads. Source: Amazon EBS User Guide, "Amazon EBS volume types",
 * and its pages on General Purpose, Provisioned IOPS and HDD volumes.
 */
export function throughputOf(
  disk: Pick<PlannedDisk, 'volumeType' | 'volumeGiB' | 'iops' | 'throughput'>,
): VolumeThroughput {
  const { volumeType, volumeGiB, iops = 100, throughput = GP3_DEFAULT_MIBPS } = disk;
  const tib = volumeGiB / GIB_PER_TIB;
  switch (volumeType) {
    case 'gp3':
      return always(throughput);
    case 'gp2': {
      const peakMiBps = volumeGiB <= 170 ? 128 : 250;
      const baselineIops = Math.max(100, 3 * volumeGiB);
      return { peakMiBps, sustainedMiBps: Math.min(peakMiBps, baselineIops * MIB_PER_OPERATION) };
    }
    case 'io1':
      // Above 32,000 IOPS it counts in operations of 16 KiB.
      return always(iops <= 32_000 ? Math.min(500, iops * MIB_PER_OPERATION) : Math.min(1_000, iops / 64));
    case 'io2':
      return always(Math.min(4_000, iops * 0.256));
    case 'st1':
      return { peakMiBps: Math.min(500, 250 * tib), sustainedMiBps: Math.min(500, 40 * tib) };
    case 'sc1':
      return { peakMiBps: Math.min(250, 80 * tib), sustainedMiBps: Math.min(192, 12 * tib) };
    case 'standard':
      return { peakMiBps: 90, sustainedMiBps: 40 };
  }
}

const always = (mibps: number): VolumeThroughput => ({ peakMiBps: mibps, sustainedMiBps: mibps });
