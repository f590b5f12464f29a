/** One object opened for reading; stays readable until closed even when it is replaced or deleted meanwhile. */
export interface SourceObject {
  readonly size: number;
  /** Ranges that may hold non-zero bytes, ascending and disjoint; everything outside them reads as zero. */
  extents(): AsyncIterable<{ readonly offset: number; readonly length: number }>;
  /** Exactly `length` bytes at `offset`; both lie within the object. */
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** The side of S3 that EC2 sees: whether a bucket is there, and the bytes of an object. */
export interface ObjectSource {
  bucketExists(bucket: string): boolean | Promise<boolean>;
  /** undefined when there is no such object. */
  open(bucket: string, key: string): Promise<SourceObject | undefined>;
}
