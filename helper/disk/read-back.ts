import {
  BLOCK_BYTES,
  type Digest,
  type DiskReader,
  isZero,
  makeDiskDigests,
  padToBlock,
  runAhead,
  type SegmentList,
  sha256,
} from '../../core/repository/index.ts';
import type { OpenDevice } from '../devices/open-device.ts';
import { ReadBackDiffers } from '../errors.ts';
import { type ExpectedBlock, everyBlock, sampledBlocks } from './read-back-blocks.ts';

export interface ReadBackOptions {
  readonly diskId: string;
  readonly mode: 'sample' | 'all';
  readonly signal: AbortSignal;
  readonly onRead: (bytes: number) => void;
  /** From 0 to less than 1. */
  readonly random?: () => number;
}

const SEGMENTS_AHEAD = 4;
const READS_AT_ONCE = 4;

/**
 * Reads blocks of a written and flushed disk back and compares them: data with the digest that the repository lists, and
 * what must be zeros with zeros. Folds the digest of the whole disk: with `all` of what was read, else of what is listed.
 * @throws ReadBackDiffers, CorruptObject, StoreFailed, DeviceFailed, or the signal's reason
 */
export async function readBack(
  reader: DiskReader,
  device: OpenDevice,
  options: ReadBackOptions,
): Promise<Digest> {
  const { mode, signal, random = Math.random } = options;
  const digests = makeDiskDigests();
  const expected = async function* (): AsyncGenerator<ExpectedBlock> {
    for await (const segment of listedSegments(reader, signal)) {
      if (mode === 'sample') {
        digests.addSegment(segment);
        yield* sampledBlocks(segment, { segmentCount: reader.segmentCount, random });
      } else yield* everyBlock(segment);
    }
  };
  const blocks = runAhead(expected(), {
    work: (block) => compare(block, { ...options, reader, device }),
    costOf: () => 1,
    budget: READS_AT_ONCE,
  });
  for await (const digest of blocks) {
    if (mode === 'sample') continue;
    if (digest) digests.addData(digest);
    else digests.addZeros(1);
  }
  return digests.finish().diskDigest;
}

function listedSegments(reader: DiskReader, signal: AbortSignal): AsyncIterable<SegmentList> {
  return runAhead(Array(reader.segmentCount).keys(), {
    work: (index) => reader.listSegment(index, { signal }),
    costOf: () => 1,
    budget: SEGMENTS_AHEAD,
  });
}

interface Compared extends ReadBackOptions {
  readonly reader: DiskReader;
  readonly device: OpenDevice;
}

/** The digest of what was read: of data its own, of zeros none. */
async function compare(
  { offset, digest }: ExpectedBlock,
  { reader, device, diskId, signal, onRead }: Compared,
): Promise<Uint8Array | undefined> {
  signal.throwIfAborted();
  const length = Math.min(BLOCK_BYTES, reader.size - offset);
  return await device.read({ offset, length }, (bytes) => {
    onRead(length);
    if (!digest && isZero(bytes)) return undefined;
    const read = sha256(padToBlock(bytes));
    if (digest && read.equals(digest)) return read;
    const wanted = digest ? 'were written' : 'zeros';
    throw new ReadBackDiffers(
      `volume ${device.volumeId} of disk ${diskId} reads other bytes than ${wanted} in the block at offset ${offset}`,
    );
  });
}
