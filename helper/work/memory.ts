import { BLOCK_BYTES } from '../../core/repository/index.ts';

const MIB = 1024 ** 2;

/** Segments being written at a time, over all disks. */
export const WORKERS = 8;
/** Of one segment: what is fetched and not yet written. */
export const READ_BYTES = 16 * MIB;
/** Of one segment: what is being written. */
export const WRITES_BYTES = 4 * MIB;
/** Lent for reading devices, over all disks. */
export const READ_BUFFERS = (16 * MIB) / BLOCK_BYTES;
/** Of the threads for devices, four where nothing else is said, so many may wait for a flush. */
export const FLUSHES_AT_ONCE = 2;
