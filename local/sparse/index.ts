export type { Extent, ExtentList } from './extents.ts';
export { appendExtent, boundExtents, clipExtents, eachExtent } from './extents.ts';
export type { RunsToWrite } from './sparse-file.ts';
export {
  dataRuns,
  readUpTo,
  writeRuns,
  writeSparse,
} from './sparse-file.ts';
export { HOLE_BYTES, isZero, zeroBlock } from './zero.ts';
