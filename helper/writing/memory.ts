import { BLOCK_BYTES } from '../../core/repository/index.ts';

const MIB = 1024 ** 2;

/**
 * Segments being written at a time, over all disks: a dozen reads of S3 under way, each of some 3 MiB at up to 90 MB/s, are
 * more than one processor unpacks. With what Node itself takes, and what waits to be collected, the process stays some
 * 100 MiB below 512 (`node bench/helper.ts`).
 */
export const WORKERS = 6;
/** Of one segment: what is fetched and not yet written. */
export const READ_BYTES = 16 * MIB;
/** Of one segment: what is being written. */
export const WRITES_BYTES = 4 * MIB;
/** Lent for reading devices, over all disks. */
export const READ_BUFFERS = (16 * MIB) / BLOCK_BYTES;
/** Of the threads for devices, four where nothing else is said, so many may wait for a flush. */
export const FLUSHES_AT_ONCE = 2;
