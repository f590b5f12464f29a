export type { Extent, ExtentList } from './extents.ts';
export { appendExtent, boundExtents, clipExtents, eachExtent } from './extents.ts';
export type { RunsToWrite, SparseCopy } from './sparse-file.ts';
export {
  allocatedBytes,
  copySparse,
  dataRuns,
  overwriteSparse,
  readUpTo,
  writeRuns,
  writeSparse,
  zeroRange,
} from './sparse-file.ts';
export { HOLE_BYTES, isZero, zeroBlock } from './zero.ts';
