import type { RegionContext, Service } from '../service.ts';
import type { Extent } from '../sparse/index.ts';

/** One object opened for reading; stays readable until closed even when it is replaced or deleted meanwhile. */
export interface OpenObject {
  readonly size: number;
  /** Ranges that may hold non-zero bytes, ascending and disjoint; everything outside them reads as zero. */
  extents(): AsyncIterable<Extent>;
  /** Exactly `length` bytes at `offset`; both lie within the object. */
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

export interface S3Service extends Service {
  bucketExists(bucket: string): boolean;
  /** undefined when there is no such object. */
  open(bucket: string, key: string): Promise<OpenObject | undefined>;
  stop(): Promise<void>;
}

export async function makeS3Service(_context: RegionContext): Promise<S3Service> {
  return {
    name: 's3',
    operations: {},
    bucketExists: () => false,
    open: async () => undefined,
    stop: async () => {},
  };
}
