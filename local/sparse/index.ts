export type { Extent, ExtentList } from './extents.ts';
export { appendExtent, boundExtents, clipExtents, eachExtent } from './extents.ts';
export type { SparseCopy } from './sparse-file.ts';
export {
  allocatedBytes,
  copySparse,
  dataRuns,
  overwriteSparse,
  readUpTo,
  writeSparse,
  zeroRange,
} from './sparse-file.ts';
export { HOLE_BYTES, isZero, zeroBlock } from './zero.ts';
