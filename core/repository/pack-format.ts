import { FRAME_MOST_BYTES } from './block.ts';
import { bufferOver, DIGEST_BYTES, type Digest, digestToBytes } from './digest.ts';
import { CorruptObject } from './errors.ts';
import { HEADER_BYTES, seal, TRAILER_BYTES, unseal, writeHeader } from './sealed.ts';

/** Bytes of frames in one pack: 16-32 MiB cost few requests, and are still small enough to hold in memory. */
export const PACK_MOST_FRAME_BYTES = 32 * 1024 ** 2;
/** Keeps the table, and what waits for the pack, small where blocks compress extremely well. */
export const PACK_MOST_FRAMES = 8192;

const ENTRY_BYTES = DIGEST_BYTES + 8;
const FOOTER_BYTES = 8 + TRAILER_BYTES;

export const PACK_MOST_BYTES =
  HEADER_BYTES + PACK_MOST_FRAME_BYTES + PACK_MOST_FRAMES * ENTRY_BYTES + FOOTER_BYTES;

/** A pack, with what it takes to read its table alone. */
export interface PackReference {
  readonly digest: Digest;
  /** Bytes of the whole object. */
  readonly size: number;
  readonly frames: number;
}

/** Where a frame lies in a pack, in bytes. */
export interface FramePlace {
  readonly offset: number;
  readonly length: number;
}

export interface PackTable {
  readonly frames: number;
  /** Bytes that the table takes in memory. */
  readonly bytes: number;
  frameAt(index: number): FramePlace & { readonly blockDigest: Buffer };
  /** Whether the frame of the block with this digest lies there. */
  has(place: FramePlace, blockDigest: Uint8Array): boolean;
}

/** Where table, footer and trailer of a pack begin. */
export const tailOffset = ({ size, frames }: PackReference): number =>
  size - FOOTER_BYTES - frames * ENTRY_BYTES;

/** Whether a frame can lie at this place in a pack. */
export function isFramePlace(pack: PackReference, { offset, length }: FramePlace): boolean {
  return (
    offset >= HEADER_BYTES && length > 0 && length <= FRAME_MOST_BYTES && offset + length <= tailOffset(pack)
  );
}

/** Whether the counts of a reference can be those of a pack at all. */
export function isPackReference(pack: PackReference): boolean {
  const inside = tailOffset(pack) - HEADER_BYTES;
  return pack.frames > 0 && pack.frames <= PACK_MOST_FRAMES && inside > 0 && inside <= PACK_MOST_FRAME_BYTES;
}

export interface PackBuffer {
  readonly frames: number;
  /** Whether a frame of this length still fits. */
  hasRoom(length: number): boolean;
  /** Copies a frame in; answers where it lies. */
  append(frame: Uint8Array, blockDigest: Uint8Array): FramePlace;
  /** Completes the pack; the bytes are those of the buffer itself. */
  finish(): { readonly bytes: Uint8Array; readonly reference: PackReference };
}

/** Bytes that a buffer for packs of up to `frameBytes` of frames must have. */
export const packBufferBytes = (frameBytes: number): number =>
  HEADER_BYTES + frameBytes + PACK_MOST_FRAMES * ENTRY_BYTES + FOOTER_BYTES;

/** Builds one pack in `buffer`, which has {@link packBufferBytes} of `frameBytes`. */
export function makePackBuffer(buffer: Buffer, frameBytes: number): PackBuffer {
  const entries: (FramePlace & { readonly blockDigest: Uint8Array })[] = [];
  let end = HEADER_BYTES;
  writeHeader(buffer, 'LFPK');
  return {
    get frames() {
      return entries.length;
    },
    hasRoom: (length) => entries.length < PACK_MOST_FRAMES && end + length <= HEADER_BYTES + frameBytes,
    append(frame, blockDigest) {
      const place = { offset: end, length: frame.length };
      buffer.set(frame, end);
      end += frame.length;
      entries.push({ ...place, blockDigest });
      return place;
    },
    finish() {
      const bytes = buffer.subarray(0, end + entries.length * ENTRY_BYTES + FOOTER_BYTES);
      let at = end;
      for (const { blockDigest, offset, length } of entries) {
        bytes.set(blockDigest, at);
        bytes.writeUInt32LE(offset, at + DIGEST_BYTES);
        bytes.writeUInt32LE(length, at + DIGEST_BYTES + 4);
        at += ENTRY_BYTES;
      }
      bytes.writeUInt32LE(entries.length, at);
      bytes.writeUInt32LE(end, at + 4);
      return { bytes, reference: { digest: seal(bytes), size: bytes.length, frames: entries.length } };
    },
  };
}

/**
 * Reads a pack's tail: all from {@link tailOffset} on. It says which pack it belongs to, so another pack, or a pack of another size, under
 * this key is found.
 * @throws CorruptObject
 */
export function parsePackTail(key: string, tail: Uint8Array, reference: PackReference): PackTable {
  const bytes = bufferOver(tail);
  const footer = bytes.length - FOOTER_BYTES;
  if (!digestToBytes(reference.digest).equals(bytes.subarray(footer + 8))) {
    throw new CorruptObject(key, { problem: 'does not end with the digest that it is named by' });
  }
  if (
    bytes.readUInt32LE(footer) !== reference.frames ||
    bytes.readUInt32LE(footer + 4) !== tailOffset(reference)
  ) {
    throw new CorruptObject(key, { problem: 'has another table than its segments say' });
  }
  return parseTable(key, bytes.subarray(0, footer), tailOffset(reference));
}

/** Checks a whole pack but for its frames' content. @throws CorruptObject */
export function parsePack(
  key: string,
  object: Uint8Array,
): { bytes: Buffer; digest: Digest; table: PackTable } {
  const { bytes, digest } = unseal(key, object, 'LFPK');
  const footer = bytes.length - FOOTER_BYTES;
  const frames = footer < HEADER_BYTES ? 0 : bytes.readUInt32LE(footer);
  const reference = { digest, size: bytes.length, frames };
  if (!isPackReference(reference) || bytes.readUInt32LE(footer + 4) !== tailOffset(reference)) {
    throw new CorruptObject(key, { problem: `has a table of ${frames} frames that does not fit its size` });
  }
  const table = bytes.subarray(tailOffset(reference), footer);
  return { bytes, digest, table: parseTable(key, table, tailOffset(reference)) };
}

/** `framesEnd` is where the frames end in the pack: they must fill it without gaps. */
function parseTable(key: string, shared: Buffer, framesEnd: number): PackTable {
  // A copy: a table is kept for long, and must not keep the whole pack in memory.
  const bytes = Buffer.from(shared);
  const frames = bytes.length / ENTRY_BYTES;
  const frameAt = (index: number) => {
    const at = index * ENTRY_BYTES;
    return {
      blockDigest: bytes.subarray(at, at + DIGEST_BYTES),
      offset: bytes.readUInt32LE(at + DIGEST_BYTES),
      length: bytes.readUInt32LE(at + DIGEST_BYTES + 4),
    };
  };
  let end = HEADER_BYTES;
  for (let index = 0; index < frames; index += 1) {
    const { offset, length } = frameAt(index);
    if (offset !== end || length === 0 || length > FRAME_MOST_BYTES) {
      throw new CorruptObject(key, { problem: `has a table whose frame ${index} is out of place` });
    }
    end += length;
  }
  if (end !== framesEnd) throw new CorruptObject(key, { problem: 'has frames that its table does not name' });
  return {
    frames,
    bytes: bytes.length,
    frameAt,
    has: (place, digest) => hasFrame({ frames, frameAt }, place, digest),
  };
}

/** Binary search: frames lie in ascending order. */
function hasFrame(
  { frames, frameAt }: Pick<PackTable, 'frames' | 'frameAt'>,
  { offset, length }: FramePlace,
  blockDigest: Uint8Array,
): boolean {
  let low = 0;
  let high = frames - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const frame = frameAt(middle);
    if (frame.offset === offset) return frame.length === length && frame.blockDigest.equals(blockDigest);
    if (frame.offset < offset) low = middle + 1;
    else high = middle - 1;
  }
  return false;
}
