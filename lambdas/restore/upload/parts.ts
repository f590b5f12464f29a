import type { UploadedDisk } from './planned.ts';

export interface Part {
  readonly number: number;
  readonly fromSegment: number;
  readonly toSegment: number;
  readonly bytes: number;
}

/** The parts that the segments [from, to) of a disk make up; part numbers count from 1 over the whole disk. */
export function partsOf(
  { size, segmentBytes, partSegments }: Pick<UploadedDisk, 'size' | 'segmentBytes' | 'partSegments'>,
  from: number,
  to: number,
): Part[] {
  return Array.from({ length: Math.ceil((to - from) / partSegments) }, (_, index) => {
    const fromSegment = from + index * partSegments;
    const toSegment = Math.min(fromSegment + partSegments, to);
    return {
      number: fromSegment / partSegments + 1,
      fromSegment,
      toSegment,
      bytes: Math.min(toSegment * segmentBytes, size) - fromSegment * segmentBytes,
    };
  });
}
