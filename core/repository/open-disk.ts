import type { Bytes, DiskId, RestorePointId } from '../model/ids.ts';
import type { Manifest } from '../model/manifest.ts';
import type { Repository } from './repository.ts';

/** Verified content, or a run of zeros, `offset` bytes from the disk's start. */
export type DiskPiece =
  | { readonly kind: 'data'; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'zeros'; readonly offset: number; readonly length: number };

export interface DiskReader {
  readonly size: Bytes;
  readonly segmentBytes: number;
  readonly segmentCount: number;
  /** Whether any block of the segments [from, to) is non-zero. */
  hasData(from: number, to: number): Promise<boolean>;
  /**
   * Verified content of the segments [from, to), in ascending order and without gaps: data blocks and runs of zeros.
   * A run of zeros is as long as it can be; the last piece is cut to the disk's end. Reads ahead within the memory budget.
   * The bytes belong to the caller. Several reads may be under way, each with a budget of its own.
   * @throws CorruptBlock, CorruptObject, StoreFailed, RangeError, or the signal's reason
   */
  read(from: number, to: number, options?: { readonly signal?: AbortSignal }): AsyncIterable<DiskPiece>;
}

export interface OpenDiskOptions {
  readonly id: RestorePointId;
  readonly manifest: Manifest;
  readonly diskId: DiskId;
  /** What one read may hold in buffers; default 64 MiB, at least 8 MiB is used. */
  readonly memoryBytes?: number;
  readonly signal?: AbortSignal;
}

/** @throws DiskNotFound, CorruptObject */
export async function openDisk(_repository: Repository, _options: OpenDiskOptions): Promise<DiskReader> {
  throw new Error('not built yet');
}
