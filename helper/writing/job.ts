import type { HelperOrders } from '../../core/model/helper.ts';
import type { DiskReader } from '../../core/repository/index.ts';
import type { OpenDevice } from '../devices/open-device.ts';
import type { Checkpoint } from '../disk/checkpoint.ts';
import type { DiskProgress } from '../disk/progress.ts';

export type DiskOrder = HelperOrders['disks'][number];

/** A disk that is ready to be written: its volume is open and has been looked at. */
export interface Job {
  readonly order: DiskOrder;
  readonly reader: DiskReader;
  readonly device: OpenDevice;
  readonly checkpoint: Checkpoint;
  readonly progress: DiskProgress;
}

/** Segments [from, to): one that has data, or a run of segments that have none. */
export interface SegmentRange {
  readonly from: number;
  readonly to: number;
}

/** What it takes to know what is left to write. */
export interface Unfinished {
  readonly reader: Pick<DiskReader, 'segmentCount' | 'hasData'>;
  readonly checkpoint: Pick<Checkpoint, 'isFinished'>;
}

/** What is left to write of a disk, in its order. */
export async function* unfinishedRanges({ reader, checkpoint }: Unfinished): AsyncGenerator<SegmentRange> {
  const isUnfinishedZeros = async (segment: number) =>
    segment < reader.segmentCount &&
    !checkpoint.isFinished(segment) &&
    !(await reader.hasData(segment, segment + 1));
  for (let from = 0; from < reader.segmentCount; ) {
    let to = from;
    while (await isUnfinishedZeros(to)) to += 1;
    if (to === from) to += 1;
    if (!checkpoint.isFinished(from)) yield { from, to };
    from = to;
  }
}

/** Bytes of the segments [from, to); the last one of a disk may be shorter. */
export const bytesOfRange = (
  { size, segmentBytes }: Pick<DiskReader, 'size' | 'segmentBytes'>,
  { from, to }: SegmentRange,
): number => Math.min(to * segmentBytes, size) - Math.min(from * segmentBytes, size);
