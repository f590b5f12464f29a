/** The repository engine: format version 1 of `docs/repository-format.md` on a {@link Store}. */
export {
  type BackupDisk,
  type BackupProgress,
  type BackupRequest,
  type BackupResult,
  type BackupStats,
  backUp,
} from './back-up.ts';
export { BLOCK_BYTES, isZero, padToBlock } from './block.ts';
export type { BlockTarget } from './block-target.ts';
export { type Digest, sha256 } from './digest.ts';
export { type DiskDigests, makeDiskDigests } from './disk-digests.ts';
export {
  CorruptBlock,
  CorruptObject,
  DiskNotFound,
  InvalidBackup,
  LeaseLost,
  type Place,
  RepositoryBusy,
  RepositoryNotFound,
  RestorePointNotFound,
  SourceHintWrong,
  SourceReadShort,
  SourceSizeChanged,
  TargetTooSmall,
  UnsupportedRepository,
} from './errors.ts';
export { makeFolderStore } from './folder-store.ts';
export { type DiskPiece, type DiskReader, openDisk, type SegmentList } from './open-disk.ts';
export { isPassingS3Error } from './passing.ts';
export { createRepository, openRepository, type Repository } from './repository.ts';
export {
  type RestoreProgress,
  restoreDisk,
  restoreSegments,
  type SegmentsProgress,
} from './restore-disk.ts';
export {
  findRestorePoint,
  listRestorePoints,
  type RestorePointEntry,
  readManifest,
} from './restore-points.ts';
export { type RunAheadOptions, runAhead } from './run-ahead.ts';
export { makeS3Client, makeS3Store, parseS3Url } from './s3-store.ts';
export { makeSlots, type Slots } from './slots.ts';
export type { DiskSource, Extent } from './source.ts';
export {
  InvalidKey,
  ObjectNotFound,
  ObjectTooShort,
  type Store,
  StoreAccessDenied,
  type StoredObject,
  StoreFailed,
  StoreNotFound,
} from './store.ts';
export { type Finding, type VerifyProgress, type VerifyResult, verify } from './verify.ts';
