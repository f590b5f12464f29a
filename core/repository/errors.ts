import { LandfallError } from '../model/errors.ts';
import type { DiskId, RestorePointId } from '../model/ids.ts';

/** There is no `landfall.json` at the place that was named. */
export class RepositoryNotFound extends LandfallError {
  override readonly name = 'RepositoryNotFound';
}

/** The repository, or a restore point in it, needs something this version does not know; the message names it. */
export class UnsupportedRepository extends LandfallError {
  override readonly name = 'UnsupportedRepository';
}

/** Something is deleting from the repository just now. */
export class RepositoryBusy extends LandfallError {
  override readonly name = 'RepositoryBusy';
  override readonly retryable = true;
}

export class RestorePointNotFound extends LandfallError {
  override readonly name = 'RestorePointNotFound';
}

export class DiskNotFound extends LandfallError {
  override readonly name = 'DiskNotFound';
}

/** Where in the backed-up machine something bad shows, as far as it is known. */
export interface Place {
  readonly restorePoint?: RestorePointId;
  readonly diskId?: DiskId;
  /** Bytes from the disk's start. */
  readonly offset?: number;
}

const describePlace = ({ restorePoint, diskId, offset }: Place): string =>
  [
    restorePoint && ` of restore point ${restorePoint}`,
    diskId && ` disk ${diskId}`,
    offset !== undefined && ` offset ${offset}`,
  ]
    .filter(Boolean)
    .join(',');

/** An object is missing or not what was written; `problem` says how it shows. */
export class CorruptObject extends LandfallError {
  override readonly name = 'CorruptObject';
  readonly key: string;
  readonly problem: string;
  readonly place: Place;

  constructor(
    key: string,
    { problem, place = {}, cause }: { problem: string; place?: Place; cause?: unknown },
  ) {
    super(`object ${key}${describePlace(place)} ${problem}`, { cause });
    this.key = key;
    this.problem = problem;
    this.place = place;
  }
}

/** A block's stored bytes are missing or do not have the digest they were stored under. */
export class CorruptBlock extends LandfallError {
  override readonly name = 'CorruptBlock';
  /** Key of the pack that the block lies in. */
  readonly key: string;
  readonly problem: string;
  readonly place: Required<Place>;

  constructor(
    key: string,
    { problem, place, cause }: { problem: string; place: Required<Place>; cause?: unknown },
  ) {
    super(`block${describePlace(place)}: object ${key} ${problem}`, { cause });
    this.key = key;
    this.problem = problem;
    this.place = place;
  }
}

/** What was asked to be backed up makes no sense; nothing was created. */
export class InvalidBackup extends LandfallError {
  override readonly name = 'InvalidBackup';
}

/** A disk source answered fewer or more bytes than it was asked for. */
export class SourceReadShort extends LandfallError {
  override readonly name = 'SourceReadShort';
}

/** A disk source has another size than it had when the backup began. */
export class SourceSizeChanged extends LandfallError {
  override readonly name = 'SourceSizeChanged';
}

/** A disk source's hint of where its data lies does not lie within the disk. */
export class SourceHintWrong extends LandfallError {
  override readonly name = 'SourceHintWrong';
}

/** The writer's lease could not be renewed in time, so objects that it relies on may be gone: the backup must start again. */
export class LeaseLost extends LandfallError {
  override readonly name = 'LeaseLost';
  override readonly retryable = true;
}

export class TargetTooSmall extends LandfallError {
  override readonly name = 'TargetTooSmall';
}
