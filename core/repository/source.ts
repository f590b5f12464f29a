/** A range of a disk, in bytes. */
export interface Extent {
  readonly offset: number;
  readonly length: number;
}

/** A disk to be backed up. */
export interface DiskSource {
  /** Bytes; must stay what it is during the backup. */
  readonly size: number;
  /**
   * The bytes at `offset`, exactly `length` of them; they then belong to the caller. Several reads are under way at a time;
   * they are started in ascending order and never overlap. `offset` is a whole number of blocks (512 KiB), `length` at most one block.
   */
  read(offset: number, length: number): Promise<Uint8Array>;
  /**
   * A hint that spares reading holes: the first range at or after `offset` that may hold something other than zeros; `undefined` when
   * only zeros follow. It is asked again past the range's end, so a source that knows only a bit at a time answers short ranges.
   */
  nextData?(offset: number): Promise<Extent | undefined>;
  /** The size as it is now, asked once everything has been read; a source that cannot change need not have it. */
  currentSize?(): Promise<number>;
  /** For whoever opened the source: the engine does not call it. */
  close?(): Promise<void>;
}
