import {
  type Cost,
  initialization,
  lambdaUsd,
  movingSeconds,
  repositoryReads,
  snapshotsMeanwhile,
  stored,
  sum,
  transitions,
} from './cost-parts.ts';
import type { Estimate } from './estimate.ts';
import { PRICES, SPEEDS, WEIGHTS } from './prices-and-speeds.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const MB = 1e6;
const BLOCK_BYTES = 512 * 1024;
const HOUR_SECONDS = 3_600;
// EC2 bills by the second, the first minute whole.
const LEAST_BILLED_SECONDS = 60;

/** One disk, as far as time and cost depend on it. */
export interface DiskWork {
  readonly sizeBytes: number;
  /** What is not zero: the manifest's written blocks. */
  readonly writtenBytes: number;
  /** Rate at which a volume made of a snapshot is to be filled, MiB/s; EBS's default where absent. */
  readonly initializationMibps?: number;
}

/** A disk whose bytes Lambdas move, a batch of segments each. */
export interface BatchedDisk extends DiskWork {
  readonly batchBytes: number;
}

/** What becomes of the machine once its disks are there: it boots as it is, or VM Import converts it first. */
export type ConversionWork = 'none' | 'import-image';

/** What all strategies have in common. */
export interface Work {
  readonly conversion: ConversionWork;
  /** Whether an instance is made ready beside the disks and gets them in the end; volumes alone want none. */
  readonly target: 'instance' | 'none';
}

export interface UploadWork extends Work {
  readonly disks: readonly (BatchedDisk & { readonly partBytes: number })[];
}

export interface HelperWork extends Work {
  readonly disks: readonly (DiskWork & {
    /** What its volume takes in the long run, MiB/s. */
    readonly volumeMibps: number;
  })[];
  /** What the helper moves in the long run, MB (10^6 bytes) a second. */
  readonly helperMBps: number;
  readonly helperHourUsd: number;
  /** How often every block passes: once, and once more where all is read back. */
  readonly passes: number;
}

export interface DirectWork extends Work {
  readonly disks: readonly (BatchedDisk & {
    /** Lambdas that write it at once. */
    readonly workers: number;
  })[];
  /** PutSnapshotBlock calls a second that the account may make. */
  readonly accountPutsPerSecond: number;
}

type Step = Estimate['phases'][number];

const most = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((found, item) => Math.max(found, of(item)), 0);

/** How many blocks of a disk are put where they are written one by one: those that are not zero. */
export const blocksOf = ({ writtenBytes }: DiskWork): number => Math.ceil(writtenBytes / BLOCK_BYTES);

/** The time below which no number of Lambdas gets a snapshot: EBS's own limit on it. */
export const directFloorSeconds = (disk: DiskWork): number =>
  blocksOf(disk) / SPEEDS.snapshotPutsPerSecond.value;

/** Strategy upload: RAW objects, ImportSnapshot, volumes made of the snapshots. */
export function estimateUpload(work: UploadWork): Estimate {
  const { disks, conversion } = work;
  const chain = (disk: UploadWork['disks'][number]): { upload: number; rest: number } => ({
    upload: lambdaSeconds(disk, { bytes: disk.sizeBytes, atOnce: SPEEDS.batchesAtOnce.value }),
    // ImportImage takes the RAW objects themselves.
    rest: conversion === 'none' ? importSnapshotSeconds(disk) : 0,
  });
  const whole = atOnce(disks, (disk) => chain(disk).upload + chain(disk).rest);
  const upload = atOnce(disks, (disk) => chain(disk).upload);
  const phases = onWay(work, [
    { what: 'temporary bucket', seconds: SPEEDS.bucketSeconds.value },
    { what: 'upload as RAW', seconds: upload },
    { what: 'import, and make volumes', seconds: whole - upload },
  ]);
  const bootableSeconds = sum(phases, ({ seconds }) => seconds);
  return finish({
    disks,
    phases,
    costs: [
      // Zeros inside a part are sent too; parts that are all zero are copied, which this counts as sent: at most.
      { what: 'Lambda', usd: lambdaUsd(movingSeconds(sum(disks, ({ sizeBytes }) => sizeBytes))) },
      {
        what: 'S3 requests',
        usd: sum(disks, ({ sizeBytes, partBytes }) => Math.ceil(sizeBytes / partBytes)) * PRICES.s3Put.value,
      },
      {
        what: 'RAW objects in S3 meanwhile',
        usd: stored(
          sum(disks, ({ sizeBytes }) => sizeBytes),
          bootableSeconds,
          PRICES.s3GibMonth.value,
        ),
      },
      snapshotsMeanwhile(disks, bootableSeconds),
      repositoryReads(disks),
      transitions(disks, sum(disks, batchesOf), bootableSeconds),
      initialization(disks),
    ],
  });
}

const importSnapshotSeconds = ({ sizeBytes }: DiskWork): number =>
  SPEEDS.importSeconds.value + sizeBytes / MIB / SPEEDS.importMibps.value + SPEEDS.volumeSeconds.value;

/** Strategy helper: empty volumes, written by a temporary instance; at full speed from the beginning. */
export function estimateHelper(work: HelperWork): Estimate {
  const { disks, conversion, helperHourUsd, passes } = work;
  const { seconds } = writingTime(work);
  const phases = onWay(work, [
    { what: 'helper comes up', seconds: SPEEDS.helperUpSeconds.value },
    { what: passes > 1 ? 'write, and read all back' : 'write', seconds },
    { what: 'detach from helper', seconds: SPEEDS.helperDownSeconds.value },
  ]);
  const bootableSeconds = sum(phases, (phase) => phase.seconds);
  const helperSeconds = Math.max(
    LEAST_BILLED_SECONDS,
    SPEEDS.helperUpSeconds.value + seconds + SPEEDS.helperDownSeconds.value,
  );
  const costs = [
    { what: 'helper instance', usd: (helperSeconds / HOUR_SECONDS) * helperHourUsd },
    {
      what: 'root volume of the helper',
      usd: stored(SPEEDS.helperRootGib.value * GIB, helperSeconds, PRICES.gp3GibMonth.value),
    },
    repositoryReads(disks),
    transitions(disks, 0, bootableSeconds),
  ];
  // What is converted comes from the image's snapshots, whoever wrote the disks.
  const empties = conversion === 'none';
  return finish({
    disks: empties ? [] : disks,
    phases,
    costs: empties ? costs : [...costs, initialization(disks)],
  });
}

/** Strategy direct: Lambdas put every block that is not zero into a snapshot; volumes made of the snapshots. */
export function estimateDirect(work: DirectWork): Estimate {
  const { disks, accountPutsPerSecond } = work;
  const share = SPEEDS.reachedShare.value;
  const ofDisk = (disk: DirectWork['disks'][number]): number =>
    Math.max(
      directFloorSeconds(disk) / share,
      lambdaSeconds(disk, { bytes: disk.writtenBytes, atOnce: disk.workers }),
    );
  const puts = sum(disks, blocksOf);
  const bySnapshots = atOnce(disks, ofDisk);
  const writing = Math.max(bySnapshots, puts / accountPutsPerSecond / share);
  // Lambdas that wait for their turn cost as much as those that write.
  const slowdown = bySnapshots === 0 ? 0 : writing / bySnapshots;
  const lambdaSecondsOf = (disk: DirectWork['disks'][number]): number =>
    Math.min(batchesOf(disk), disk.workers) * ofDisk(disk) * slowdown;
  const phases = onWay(work, [
    { what: 'write snapshots', seconds: writing },
    {
      what: 'complete them, and make volumes',
      seconds: SPEEDS.snapshotCompleteSeconds.value + SPEEDS.volumeSeconds.value,
    },
  ]);
  const bootableSeconds = sum(phases, ({ seconds }) => seconds);
  return finish({
    disks,
    phases,
    costs: [
      { what: 'PutSnapshotBlock', usd: puts * PRICES.putBlock.value },
      { what: 'Lambda', usd: lambdaUsd(sum(disks, lambdaSecondsOf)) },
      snapshotsMeanwhile(disks, bootableSeconds),
      repositoryReads(disks),
      transitions(disks, sum(disks, batchesOf), bootableSeconds),
      initialization(disks),
    ],
  });
}

export interface WritingTime {
  readonly seconds: number;
  /** Place of the disk whose volume takes longest; undefined where the helper is slower than its volumes. */
  readonly slowest: number | undefined;
}

/** How long a helper writes: what is not zero, through the slowest of the volumes or through the helper. */
export function writingTime({
  disks,
  helperMBps,
  passes,
}: Pick<HelperWork, 'disks' | 'helperMBps' | 'passes'>): WritingTime {
  const secondsOf = ({ writtenBytes, volumeMibps }: HelperWork['disks'][number]): number =>
    (writtenBytes * passes) / (volumeMibps * MIB);
  const byVolumes = most(disks, secondsOf);
  const byHelper = (sum(disks, ({ writtenBytes }) => writtenBytes) * passes) / (helperMBps * MB);
  if (byHelper > byVolumes) return { seconds: byHelper, slowest: undefined };
  const slowest = disks.findIndex((disk) => secondsOf(disk) === byVolumes);
  return { seconds: byVolumes, slowest: slowest < 0 ? undefined : slowest };
}

/** What a way of restoring comes to in the end, its time counted as money: `auto` takes the least of these. */
export function weightUsd({
  bootableSeconds,
  fullSpeedSeconds,
  costUsd,
}: Pick<Estimate, 'bootableSeconds' | 'fullSpeedSeconds' | 'costUsd'>): number {
  const slowSeconds = fullSpeedSeconds - bootableSeconds;
  return (
    costUsd +
    (bootableSeconds / HOUR_SECONDS) * WEIGHTS.bootableHour.value +
    (slowSeconds / HOUR_SECONDS) * WEIGHTS.slowHour.value
  );
}

/** The disks come ashore while the target is made ready; whatever takes longer counts. */
function onWay(
  { conversion, target, disks }: Work & { readonly disks: readonly DiskWork[] },
  ofDisks: readonly Step[],
): Step[] {
  const spare = SPEEDS.targetSeconds.value - sum(ofDisks, ({ seconds }) => seconds);
  // An imported machine's target is launched from its image: there is nothing to prepare beside the disks.
  const convert = {
    what: 'convert by ImportImage',
    seconds:
      SPEEDS.importImageSeconds.value +
      sum(disks, ({ sizeBytes }) => sizeBytes) / MIB / SPEEDS.importMibps.value,
  };
  const wait = { what: 'wait for the target', seconds: Math.max(0, spare) };
  const instance = [
    conversion === 'none' ? wait : convert,
    { what: 'attach, hand over', seconds: SPEEDS.attachSeconds.value },
  ];
  return [
    { what: 'plan', seconds: SPEEDS.planSeconds.value },
    ...ofDisks,
    ...(target === 'none' ? [] : instance),
  ].filter(({ seconds }) => seconds > 0);
}

function finish({
  disks,
  phases,
  costs,
}: {
  /** Those whose volumes are filled from snapshots. */
  readonly disks: readonly DiskWork[];
  readonly phases: readonly Step[];
  readonly costs: readonly Cost[];
}): Estimate {
  const bootableSeconds = sum(phases, ({ seconds }) => seconds);
  const rateOf = (disk: DiskWork): number =>
    disk.initializationMibps ?? SPEEDS.defaultInitializationMibps.value;
  const filling = most(disks, (disk) => disk.writtenBytes / MIB / rateOf(disk));
  const isProvisioned = disks.every((disk) => disk.initializationMibps !== undefined);
  return {
    bootableSeconds,
    fullSpeedSeconds: bootableSeconds + filling,
    fullSpeed: disks.length === 0 ? 'ready' : isProvisioned ? 'provisioned' : 'assumed',
    costUsd: sum(costs, ({ usd }) => usd),
    costs: costs.filter(({ usd }) => usd > 0),
    phases: [...phases],
  };
}

/** Disks go side by side, so many at once: the longest of them, or all of them by turns. */
function atOnce<T>(disks: readonly T[], secondsOf: (disk: T) => number): number {
  return Math.max(most(disks, secondsOf), sum(disks, secondsOf) / SPEEDS.disksAtOnce.value);
}

const batchesOf = ({ sizeBytes, batchBytes }: BatchedDisk): number => Math.ceil(sizeBytes / batchBytes);

/** How long Lambdas move so many bytes of a disk, spread evenly over it: batch by batch, so many at once. */
function lambdaSeconds(
  disk: BatchedDisk,
  { bytes, atOnce }: { readonly bytes: number; readonly atOnce: number },
): number {
  const rounds = Math.ceil(batchesOf(disk) / atOnce);
  const oneAfterAnother = Math.min(bytes, rounds * disk.batchBytes * (bytes / disk.sizeBytes));
  const longestBatch = Math.min(bytes, disk.batchBytes);
  return Math.max(oneAfterAnother, longestBatch) / MIB / SPEEDS.lambdaMibps.value;
}
