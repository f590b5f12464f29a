import { estimateDirect, estimateHelper, estimateUpload, type Work } from '../../../core/model/cost-model.ts';
import type { Estimate } from '../../../core/model/estimate.ts';
import type { Manifest } from '../../../core/model/manifest.ts';
import type { Conversion, PlannedDisk } from '../../../core/model/plan.ts';
import { OTHER_VCPU_HOUR_USD, VCPU_HOUR_USD } from '../../../core/model/prices-and-speeds.ts';
import type { RestoreRequest } from '../../../core/model/request.ts';
import { workersFor } from '../direct/workers.ts';
import { rateOf } from './helper-choice.ts';
import type { HelperType } from './helper-types.ts';
import { throughputOf } from './volume-throughput.ts';

const BLOCK_BYTES = 512 * 1_024;

interface EstimateFacts {
  readonly request: RestoreRequest;
  readonly manifest: Manifest;
  /** Absent where the machine boots as it is. */
  readonly conversion?: Conversion;
}

/** How much of each disk is not zero, by its id. */
function writtenBytes({ disks }: Manifest): ReadonlyMap<string, number> {
  return new Map<string, number>(disks.map(({ id, writtenBlocks }) => [id, writtenBlocks * BLOCK_BYTES]));
}

/** A disk as the model knows it. */
function workOf(manifest: Manifest) {
  const written = writtenBytes(manifest);
  return ({ id, size, initializationRate }: PlannedDisk) => ({
    sizeBytes: size,
    writtenBytes: written.get(id) ?? 0,
    ...(initializationRate === undefined ? {} : { initializationMibps: initializationRate }),
  });
}

/** What becomes of the disks, whichever way they come. */
const placeOf = ({ request, conversion }: EstimateFacts): Work => ({
  conversion: conversion?.kind ?? 'none',
  target: request.restoreTo === 'volumes' ? 'none' : 'instance',
});

/** Of disks that are planned to be uploaded. */
export function estimateOfUpload(disks: readonly PlannedDisk[], facts: EstimateFacts): Estimate {
  const basic = workOf(facts.manifest);
  const work = disks.map((disk) => ({
    ...basic(disk),
    batchBytes: (disk.upload?.batchSegments ?? disk.segmentCount) * disk.segmentBytes,
    partBytes: (disk.upload?.partSegments ?? disk.segmentCount) * disk.segmentBytes,
  }));
  return estimateUpload({ disks: work, ...placeOf(facts) });
}

/** Of disks that a helper of this type writes. */
export function estimateOfHelper(
  disks: readonly PlannedDisk[],
  facts: EstimateFacts & { readonly type: HelperType },
): Estimate {
  return estimateHelper({ ...helperWork(disks, facts), ...placeOf(facts) });
}

/** What the model needs to know of a helper's work. */
export function helperWork(
  disks: readonly PlannedDisk[],
  { request, manifest, type }: EstimateFacts & { readonly type: HelperType },
) {
  const basic = workOf(manifest);
  return {
    disks: disks.map((disk) => ({ ...basic(disk), volumeMibps: throughputOf(disk).sustainedMiBps })),
    helperMBps: rateOf(type),
    helperHourUsd: type.vcpus * (VCPU_HOUR_USD[familyOf(type)] ?? OTHER_VCPU_HOUR_USD),
    // Reading everything back takes as long again.
    passes: request.helper.readBack === 'all' ? 2 : 1,
  };
}

const familyOf = ({ name }: HelperType): string => name.split('.')[0] ?? name;

/** Of disks that are planned to be written to snapshots directly. */
export function estimateOfDirect(
  disks: readonly PlannedDisk[],
  facts: EstimateFacts & { readonly accountPutsPerSecond: number },
): Estimate {
  const { manifest, accountPutsPerSecond } = facts;
  const basic = workOf(manifest);
  const work = disks.map((disk) => ({
    ...basic(disk),
    batchBytes: (disk.direct?.batchSegments ?? disk.segmentCount) * disk.segmentBytes,
    workers: workersFor(disk, { disks, accountPutsPerSecond }),
  }));
  return estimateDirect({ disks: work, ...placeOf(facts), accountPutsPerSecond });
}
