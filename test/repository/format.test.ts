import { createHash } from 'node:crypto';
import { constants, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { compressBlock, decompressBlock, ZERO_DIGEST } from '../../core/repository/block.ts';
import { isDigest } from '../../core/repository/digest.ts';
import { encodeDisk, parseDisk } from '../../core/repository/disk-format.ts';
import { createRepository } from '../../core/repository/index.ts';
import { parseKey } from '../../core/repository/keys.ts';
import {
  makePackBuffer,
  packBufferBytes,
  parsePack,
  parsePackTail,
} from '../../core/repository/pack-format.ts';
import { encodeSegment, parseSegment } from '../../core/repository/segment-format.ts';
import { BLOCK, noise } from './machines.ts';
import { makeMemoryStore } from './memory-store.ts';

// Every literal below was computed outside of this project (Python's hashlib and struct) from docs/repository-format.md:
// a disk of two blocks and 1000 bytes: 512 KiB of "A", 512 KiB of zeros, 1000 times "B"; frames "abc" and "defgh".
const SIZE = 2 * BLOCK + 1000;
const A = '5f7a26e1d78cd171b1aab0208da133e996c75285b94aa8ef06c6578ea0b26903';
const B = '5aa7815b4d9da47270f98ded21343b47a8d4bcec8d80320499a2e82b40b8292e';
const ZERO = '07854d2fef297a06ba81685e660c332de36d5d18d546927d30daad6d7fda1541';
const LIST = '245a9c3fb1f36acde723549eef609b25b9a70fdceb90bceda3daca1bdfb2a5df';
const WRITTEN = 'a476ba427b826b8a5457a4ff7d145970281c466ba525c3e994c598f603371552';
const PACK = '0e1b9940116f788d6f4436e8cf0303ee1c17d3aefdef885a58cc9ac82136bc6c';
const PACK_BYTES = [
  `4c46504b010000006162636465666768${A}0800000003000000${B}0b00000005000000`,
  `0200000010000000${PACK}`,
].join('');
const SEGMENT_BYTES = [
  `4c465347010000000300000001000000${PACK}880000000200000005`,
  `${A}000000000800000003000000${B}000000000b00000005000000`,
  '0ec6543755cfeb732369d6b64840127eb89e4356e7192cbbe0243926e7c6d1fd',
].join('');
const DISK = 'f81f600c36554feab0af519713067539ebcc38c4bb6c29dc167413049c6647e3';

const hex = (text: string) => Buffer.from(text, 'hex');
const digest = (text: string) => {
  if (!isDigest(text)) throw new Error(`${text} is not a digest`);
  return text;
};
/** The same object with one byte changed and a trailer that fits again: only the meaning is wrong. */
const altered = (object: Uint8Array, at: number, change: number) => {
  const bytes = Buffer.from(object);
  bytes[at] = (bytes[at] ?? 0) ^ change;
  createHash('sha256')
    .update(bytes.subarray(0, -32))
    .digest()
    .copy(bytes, bytes.length - 32);
  return bytes;
};

const pack = { digest: digest(PACK), size: 136, frames: 2 };
const places = [
  { index: 0, digest: hex(A), pack, offset: 8, length: 3 },
  { index: 2, digest: hex(B), pack, offset: 11, length: 5 },
];
const facts = {
  ...{ size: SIZE, segmentBytes: 2 ** 30, writtenBlocks: 2 },
  ...{ diskDigest: digest(LIST), writtenDigest: digest(WRITTEN) },
};

describe('the bytes of version 1', () => {
  test('landfall.json', async () => {
    const store = makeMemoryStore();
    await createRepository(store);
    const bytes = store.objects.get('landfall.json')?.bytes ?? Buffer.alloc(0);
    expect(Buffer.from(bytes).toString()).toBe(`{
  "format": 1,
  "features": [],
  "encryption": "none",
  "sha256": "0e39e79b6863f029c850eda743f71b4cfba7306fe6b2f09ca351091b0277521a"
}
`);
    expect([...store.objects.keys()]).toEqual(['landfall.json']);
  });

  test('a pack', () => {
    const buffer = makePackBuffer(Buffer.alloc(packBufferBytes(100), 0xee), 100);
    expect(buffer.append(Buffer.from('abc'), hex(A))).toEqual({ offset: 8, length: 3 });
    expect(buffer.append(Buffer.from('defgh'), hex(B))).toEqual({ offset: 11, length: 5 });
    const { bytes, reference } = buffer.finish();
    expect(Buffer.from(bytes).toString('hex')).toBe(PACK_BYTES);
    expect(reference).toEqual(pack);
  });

  test('a segment', () => {
    expect(Buffer.from(encodeSegment({ blockCount: 3, dataBlocks: places })).toString('hex')).toBe(
      SEGMENT_BYTES,
    );
    const segment = parseSegment('key', hex(SEGMENT_BYTES), digest(LIST));
    expect([...segment.dataBlocks()]).toEqual(places);
    expect(segment).toMatchObject({ blockCount: 3, dataBlockCount: 2, packs: [pack] });
    expect(segment.dataBlockAt(1)).toBeUndefined();
    expect(segment.dataBlockAt(2)).toEqual(places[1]);
  });

  test('a disk', () => {
    const segments = [{ digest: digest(LIST), dataBlocks: 2 }];
    const { bytes, digest: own } = encodeDisk(facts, { segments, packs: new Map([[digest(PACK), 136]]) });
    expect(own).toBe(DISK);
    expect(Buffer.from(bytes).toString('hex')).toBe(
      [
        '4c46444b01000000e803100000000000000000400000000002000000000000',
        `00${LIST}${WRITTEN}0100000001000000${LIST}02000000${PACK}88000000${DISK}`,
      ].join(''),
    );
    expect(parseDisk('key', bytes)).toMatchObject({
      ...facts,
      digest: DISK,
      segmentCount: 1,
      packCount: 1,
      packBytes: 136,
    });
  });

  test('the zero block', () => expect(ZERO_DIGEST.toString('hex')).toBe(ZERO));

  test('a frame declares its size and needs no more window than a block', async () => {
    const frame = await compressBlock(Buffer.alloc(BLOCK, 'compressible '));
    expect(frame.subarray(0, 4).toString('hex')).toBe('28b52ffd');
    // RFC 8878: "single segment" is set, so the window is the content, whose size follows in four bytes.
    expect((frame[4] ?? 0) & 0b1110_0000).toBe(0b1010_0000);
    expect(frame.readUInt32LE(5)).toBe(BLOCK);
    expect((await compressBlock(noise('worst case'))).length).toBeLessThan(528_384);
  });
});

describe('hostile objects', () => {
  test('a frame cannot make more than a block, nor ask for more window', async () => {
    const narrow = { params: { [constants.ZSTD_c_windowLog]: 19 } };
    const bomb = zstdCompressSync(Buffer.alloc(64 * 1024 ** 2), narrow);
    expect(bomb.length).toBeLessThan(4096);
    await expect(decompressBlock(bomb)).rejects.toMatchObject({ code: 'ERR_BUFFER_TOO_LARGE' });
    // An empty frame that asks for a window of 128 MiB (RFC 8878: exponent 17 over 2^10).
    const wide = hex('28b52ffd' + '00' + '88' + '010000');
    await expect(decompressBlock(wide)).rejects.toThrow(/memory|window/i);
    await expect(decompressBlock(Buffer.from('no frame at all'))).rejects.toThrow();
    await expect(decompressBlock(Buffer.alloc(0))).rejects.toThrow();
  });

  test.each([
    ['magic', 1, 0x01],
    ['version', 4, 0x02],
    ['number of frames', PACK_BYTES.length / 2 - 40, 0x01],
    ['place of the table', PACK_BYTES.length / 2 - 36, 0x10],
    ['offset of the first frame', 16 + 32, 0x01],
    ['length of the second frame', 16 + 40 + 36, 0x08],
    ['length of the last frame', 16 + 40 + 36, 0x04],
  ])('a pack whose %s makes no sense is refused, though its trailer fits', (_what, at, change) => {
    expect(() => parsePack('packs/x', hex(PACK_BYTES))).not.toThrow();
    expect(() => parsePack('packs/x', altered(hex(PACK_BYTES), at, change))).toThrow(
      expect.objectContaining({ name: 'CorruptObject', key: 'packs/x' }),
    );
  });

  test('a pack without frames, and one that is too short', () => {
    const empty = Buffer.alloc(8 + 40);
    empty.write('LFPK');
    empty.writeUInt32LE(1, 4);
    empty.writeUInt32LE(8, 12);
    expect(() => parsePack('p', altered(empty, 0, 0))).toThrow(
      expect.objectContaining({ name: 'CorruptObject' }),
    );
    for (const length of [0, 7, 39, 40, 47]) {
      const short = Buffer.alloc(length);
      short.write('LFPK');
      expect(() => parsePack('p', short)).toThrow(expect.objectContaining({ name: 'CorruptObject' }));
    }
  });

  test("a pack's tail belongs to that pack only", () => {
    const tail = hex(PACK_BYTES).subarray(16);
    expect(parsePackTail('p', tail, pack).has({ offset: 11, length: 5 }, hex(B))).toBe(true);
    expect(parsePackTail('p', tail, pack).has({ offset: 11, length: 5 }, hex(A))).toBe(false);
    expect(parsePackTail('p', tail, pack).has({ offset: 11, length: 4 }, hex(B))).toBe(false);
    expect(parsePackTail('p', tail, pack).has({ offset: 9, length: 5 }, hex(B))).toBe(false);
    const another = { ...pack, digest: digest(A) };
    expect(() => parsePackTail('p', tail, another)).toThrow(
      expect.objectContaining({ name: 'CorruptObject' }),
    );
    expect(() => parsePackTail('p', tail, { ...pack, size: 137 })).toThrow(
      expect.objectContaining({ name: 'CorruptObject' }),
    );
  });

  const bitmapAt = 16 + 40;
  const firstBlockAt = bitmapAt + 1;
  test.each([
    ['magic', 3, 0x01],
    ['number of blocks', 8, 0x01],
    ['number of blocks, absurd', 11, 0x80],
    ['number of packs', 12, 0x02],
    ['number of packs, absurd', 15, 0x80],
    ['size of a pack', 16 + 32, 0xff],
    ['size of a pack, absurd', 16 + 35, 0x80],
    ['frames of a pack', 16 + 37, 0x80],
    ['bitmap, one more', bitmapAt, 0x02],
    ['bitmap, another one', bitmapAt, 0x06],
    ['bitmap, past the end', bitmapAt, 0x0c],
    ['digest of a block', firstBlockAt, 0x01],
    ['pack of a block', firstBlockAt + 32, 0x01],
    ['offset of a block, before the frames', firstBlockAt + 36, 0x09],
    ['offset of a block, absurd', firstBlockAt + 39, 0x80],
    ['length of a block, none', firstBlockAt + 40, 0x03],
    ['length of a block, into the table', firstBlockAt + 40, 0x08],
  ])('a segment whose %s makes no sense is refused, though its trailer fits', (_what, at, change) => {
    expect(() => parseSegment('segments/x', altered(hex(SEGMENT_BYTES), at, change), digest(LIST))).toThrow(
      expect.objectContaining({ name: 'CorruptObject', key: 'segments/x' }),
    );
  });

  test('a segment that stores a zero block is refused', () => {
    const zero = encodeSegment({
      blockCount: 1,
      dataBlocks: [{ ...places[0], pack, index: 0, offset: 8, length: 3, digest: hex(ZERO) }],
    });
    const name = digest(createHash('sha256').update(hex(ZERO)).digest('hex'));
    expect(() => parseSegment('s', zero, name)).toThrow(expect.objectContaining({ name: 'CorruptObject' }));
  });

  const segments = [{ digest: digest(LIST), dataBlocks: 2 }];
  const disk = encodeDisk(facts, { segments, packs: new Map([[digest(PACK), 136]]) }).bytes;
  test.each([
    ['size, zero', 8, 0xe8],
    ['size, absurd', 15, 0x40],
    ['segment size', 16, 0x01],
    ['number of data blocks', 24, 0x01],
    ['number of segments', 96, 0x02],
    ['number of packs', 100, 0x02],
    ['number of packs, absurd', 103, 0x80],
    ['data blocks of a segment', 104 + 32, 0x04],
  ])('a disk whose %s makes no sense is refused, though its trailer fits', (_what, at, change) => {
    const changed = altered(disk, at, change);
    if (_what === 'size, zero') changed.fill(0, 8, 16);
    const whole = altered(changed, 0, 0);
    expect(() => parseDisk('disks/x', whole)).toThrow(
      expect.objectContaining({ name: 'CorruptObject', key: 'disks/x' }),
    );
  });
});

describe('keys', () => {
  const dd = 'ab'.repeat(32);
  const id = `rp-20261130T101500Z-${dd}`;
  test.each([
    ['landfall.json', { kind: 'format' }],
    [`packs/ab/${dd}`, { kind: 'pack', digest: dd }],
    [`segments/ab/${dd}`, { kind: 'segment', digest: dd }],
    [`disks/ab/${dd}`, { kind: 'disk', digest: dd }],
    [`restore-points/${id}/web.01.json`, { kind: 'manifest', id, workload: 'web.01' }],
    ['leases/write-01234567-89ab-cdef-0123-456789abcdef.json', { kind: 'lease', leaseKind: 'write' }],
    ['leases/delete-01234567-89ab-cdef-0123-456789abcdef.json', { kind: 'lease', leaseKind: 'delete' }],
    [`packs/ac/${dd}`, { kind: 'unknown' }],
    [`packs/${dd}`, { kind: 'unknown' }],
    [`packs/AB/${dd.toUpperCase()}`, { kind: 'unknown' }],
    [`restore-points/${id}`, { kind: 'unknown' }],
    [`restore-points/rp-20260231T101500Z-${dd}/web01.json`, { kind: 'unknown' }],
    [`restore-points/rp-20261130T256199Z-${dd}/web01.json`, { kind: 'unknown' }],
    ['leases/read-01234567-89ab-cdef-0123-456789abcdef.json', { kind: 'unknown' }],
    ['notes.txt', { kind: 'foreign' }],
    ['landfall.json.bak', { kind: 'foreign' }],
    [`constructor/ab/${dd}`, { kind: 'foreign' }],
  ])('%s', (key, named) => expect(parseKey(key)).toEqual(named));
});
