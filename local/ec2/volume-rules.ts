import type { VolumeType } from '@aws-sdk/client-ec2';
import { invalidCombination, invalidValue } from './errors.ts';
import type { VolumeShape } from './records.ts';

interface VolumeTypeRule {
  readonly minGiB: number;
  readonly maxGiB: number;
  readonly iops?: {
    readonly min: number;
    readonly max: number;
    readonly perGiB: number;
    readonly default?: number;
  };
  readonly throughput?: { readonly min: number; readonly max: number; readonly default: number };
  readonly bootable: boolean;
}

/** Limits of each volume type (aws docs: ebs general-purpose, provisioned-iops, hdd, previous generation). */
export const VOLUME_TYPES: Readonly<Record<VolumeType, VolumeTypeRule>> = {
  gp3: {
    minGiB: 1,
    maxGiB: 65_536,
    iops: { min: 3_000, max: 80_000, perGiB: 500, default: 3_000 },
    throughput: { min: 125, max: 2_000, default: 125 },
    bootable: true,
  },
  gp2: { minGiB: 1, maxGiB: 16_384, bootable: true },
  io1: { minGiB: 4, maxGiB: 16_384, iops: { min: 100, max: 64_000, perGiB: 50 }, bootable: true },
  io2: { minGiB: 4, maxGiB: 65_536, iops: { min: 100, max: 256_000, perGiB: 1_000 }, bootable: true },
  st1: { minGiB: 125, maxGiB: 16_384, bootable: false },
  sc1: { minGiB: 125, maxGiB: 16_384, bootable: false },
  standard: { minGiB: 1, maxGiB: 1_024, bootable: true },
};

const isVolumeType = (name: string): name is VolumeType => Object.hasOwn(VOLUME_TYPES, name);

/** gp3 may have a quarter of a MiB/s for each of its IOPS. */
const GP3_MIBPS_PER_IOPS = 0.25;

export interface AskedShape {
  readonly type?: string | undefined;
  readonly sizeGiB: number;
  readonly iops?: number | undefined;
  readonly throughput?: number | undefined;
}

/**
 * The volume that a request comes to: type gp2 unless named, provisioned figures where the type has them.
 * @throws InvalidParameterValue, InvalidParameterCombination
 */
export function parseShape(asked: AskedShape): VolumeShape {
  const type = asked.type ?? 'gp2';
  if (!isVolumeType(type)) {
    throw invalidValue(
      `Value (${type}) for parameter volumeType is invalid. Volume type '${type}' is unknown.`,
    );
  }
  const rule = VOLUME_TYPES[type];
  checkSize(type, rule, asked.sizeGiB);
  const iops = parseIops(type, rule, asked);
  const throughput = parseThroughput(type, rule, asked.throughput);
  if (iops !== undefined && throughput !== undefined) checkRatio(throughput, iops);
  return {
    sizeGiB: asked.sizeGiB,
    type,
    ...(iops === undefined ? {} : { iops }),
    ...(throughput === undefined ? {} : { throughput }),
  };
}

function checkSize(type: string, rule: VolumeTypeRule, sizeGiB: number): void {
  if (!Number.isInteger(sizeGiB) || sizeGiB < 1) {
    throw invalidValue(`Value (${sizeGiB}) for parameter size is invalid.`);
  }
  if (sizeGiB < rule.minGiB) {
    throw invalidValue(
      `Volume of ${sizeGiB}GiB is too small for volume type ${type}; minimum is ${rule.minGiB}GiB.`,
    );
  }
  if (sizeGiB > rule.maxGiB) {
    throw invalidValue(
      `Volume of ${sizeGiB}GiB is too large for volume type ${type}; maximum is ${rule.maxGiB}GiB.`,
    );
  }
}

function parseIops(type: string, rule: VolumeTypeRule, asked: AskedShape): number | undefined {
  const { iops, sizeGiB } = asked;
  if (!rule.iops) {
    if (iops !== undefined)
      throw invalidCombination(`The parameter iops is not supported for ${type} volumes.`);
    return type === 'gp2' ? gp2Iops(sizeGiB) : undefined;
  }
  const { min, max, perGiB } = rule.iops;
  const value = iops ?? rule.iops.default;
  if (value === undefined)
    throw invalidCombination(`The parameter iops must be specified for ${type} volumes.`);
  if (value < min) throw invalidValue(`Volume iops of ${value} is too low; minimum is ${min}.`);
  if (value > max) throw invalidValue(`Volume iops of ${value} is too high; maximum is ${max}.`);
  // A gp3 volume has its 3,000 however small it is.
  if (value > sizeGiB * perGiB && value !== rule.iops.default) {
    const ratio = (value / sizeGiB).toFixed(6);
    throw invalidValue(`Iops to volume size ratio of ${ratio} is too high; maximum is ${perGiB}`);
  }
  return value;
}

/** Three for each GiB, 100 to 16,000; shown, not provisioned. */
const gp2Iops = (sizeGiB: number): number => Math.min(16_000, Math.max(100, 3 * sizeGiB));

function parseThroughput(
  type: string,
  rule: VolumeTypeRule,
  throughput: number | undefined,
): number | undefined {
  if (!rule.throughput) {
    if (throughput === undefined) return undefined;
    throw invalidCombination(`The parameter throughput is not supported for ${type} volumes.`);
  }
  const value = throughput ?? rule.throughput.default;
  const { min, max } = rule.throughput;
  if (value < min) throw invalidValue(`Throughput of ${value} MiB/s is too low; minimum is ${min} MiB/s.`);
  if (value > max) throw invalidValue(`Throughput of ${value} MiB/s is too high; maximum is ${max} MiB/s.`);
  return value;
}

function checkRatio(throughput: number, iops: number): void {
  const ratio = throughput / iops;
  if (ratio <= GP3_MIBPS_PER_IOPS) return;
  throw invalidValue(
    `Throughput (MiBps) to iops ratio of ${ratio.toFixed(6)} is too high; maximum is ${GP3_MIBPS_PER_IOPS.toFixed(6)} MiBps per iops`,
  );
}

/** MiB/s for filling a volume from a snapshot. @throws InvalidParameterValue */
export function checkInitializationRate(rate: number | undefined, hasSnapshot: boolean): number | undefined {
  if (rate === undefined) return undefined;
  if (!hasSnapshot) {
    throw invalidCombination(
      'VolumeInitializationRate can only be specified for volumes created from a snapshot',
    );
  }
  if (!Number.isInteger(rate) || rate < 100 || rate > 300) {
    throw invalidValue(
      `Value (${rate}) for parameter volumeInitializationRate is invalid. Expected 100 to 300.`,
    );
  }
  return rate;
}
