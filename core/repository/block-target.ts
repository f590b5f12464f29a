/** What a disk is restored onto: a file, a block device. Calls may overlap in time, never in range. */
export interface BlockTarget {
  /** Bytes. */
  readonly size: number;
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /** Makes the range read as zeros. */
  zero(offset: number, length: number): Promise<void>;
  /** Once it answers, everything written before is durable. */
  flush(): Promise<void>;
}
