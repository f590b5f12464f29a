import { crc32 as zlibCrc32 } from 'node:zlib';
import { zeroBlock } from '../sparse/index.ts';

/** A cyclic redundancy check in its reflected form, as S3's three are. */
export interface Crc {
  readonly bits: 32 | 64;
  /** Checksum of what `crc` covers followed by `bytes`; 0n covers nothing. */
  update(crc: bigint, bytes: Uint8Array): bigint;
  /** Checksum of A followed by B, from both checksums and B's length. */
  combine(crcA: bigint, crcB: bigint, lengthB: number): bigint;
  /** Checksum of `length` zero bytes, without looking at any. */
  ofZeros(length: number): bigint;
}

function makeCrc(bits: 32 | 64, polynomial: bigint, update: Crc['update']): Crc {
  const top = 1n << BigInt(bits - 1);
  /** Product of two polynomials modulo the check's own (the bit for x^0 is the highest: reflected). */
  const multiply = (a: bigint, b: bigint): bigint => {
    let product = 0n;
    let factor = b;
    for (let bit = top; bit > 0n; bit >>= 1n) {
      if (a & bit) product ^= factor;
      factor = factor & 1n ? (factor >> 1n) ^ polynomial : factor >> 1n;
    }
    return product;
  };
  /** x^(8·length): what appending `length` bytes multiplies the earlier remainder by. */
  const shifts = new Map<number, bigint>();
  const shiftBy = (length: number): bigint => {
    const known = shifts.get(length);
    if (known !== undefined) return known;
    let result = top;
    let power = top >> 8n;
    for (let left = BigInt(length); left > 0n; left >>= 1n) {
      if (left & 1n) result = multiply(result, power);
      power = multiply(power, power);
    }
    // Parts of an upload share a few lengths; the bound only guards against a hostile variety.
    if (shifts.size < 1_000) shifts.set(length, result);
    return result;
  };
  const combine: Crc['combine'] = (crcA, crcB, lengthB) =>
    lengthB === 0 ? crcA : multiply(crcA, shiftBy(lengthB)) ^ crcB;
  return { bits, update, combine, ofZeros: makeOfZeros(update, combine) };
}

function makeOfZeros(update: Crc['update'], combine: Crc['combine']): Crc['ofZeros'] {
  return (length) => {
    let crc = update(0n, zeroBlock.subarray(0, length % zeroBlock.length));
    let block = update(0n, zeroBlock);
    let blockLength = zeroBlock.length;
    for (let blocks = Math.floor(length / zeroBlock.length); blocks > 0; blocks = Math.floor(blocks / 2)) {
      if (blocks % 2 === 1) crc = combine(crc, block, blockLength);
      block = combine(block, block, blockLength);
      blockLength *= 2;
    }
    return crc;
  };
}

/** Bytes taken at once by the table-driven checks ("slicing by eight"). */
const SLICE = 8;

function makeTableUpdate32(polynomial: number): Crc['update'] {
  const tables = new Uint32Array(256 * SLICE);
  for (let n = 0; n < 256; n += 1) {
    let value = n;
    for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1;
    tables[n] = value;
  }
  const at = (index: number) => tables[index] ?? 0;
  for (let n = 256; n < tables.length; n += 1) {
    const before = at(n - 256);
    tables[n] = (before >>> 8) ^ at(before & 0xff);
  }
  return (crc, bytes) => {
    let value = ~Number(crc) >>> 0;
    let i = 0;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (; i + SLICE <= bytes.length; i += SLICE) {
      const low = value ^ view.getUint32(i, true);
      const high = view.getUint32(i + 4, true);
      value =
        at(1792 + (low & 0xff)) ^
        at(1536 + ((low >>> 8) & 0xff)) ^
        at(1280 + ((low >>> 16) & 0xff)) ^
        at(1024 + (low >>> 24)) ^
        at(768 + (high & 0xff)) ^
        at(512 + ((high >>> 8) & 0xff)) ^
        at(256 + ((high >>> 16) & 0xff)) ^
        at(high >>> 24);
    }
    for (; i < bytes.length; i += 1) value = (value >>> 8) ^ at((value ^ (bytes[i] ?? 0)) & 0xff);
    return BigInt(~value >>> 0);
  };
}

/** 64 bits as two halves of 32: BigInt arithmetic per byte would be a hundred times slower. */
function makeTableUpdate64(polynomial: bigint): Crc['update'] {
  const lows = new Uint32Array(256 * SLICE);
  const highs = new Uint32Array(256 * SLICE);
  const low = (index: number) => lows[index] ?? 0;
  const high = (index: number) => highs[index] ?? 0;
  for (let n = 0; n < 256; n += 1) {
    let value = BigInt(n);
    for (let bit = 0; bit < 8; bit += 1) value = value & 1n ? (value >> 1n) ^ polynomial : value >> 1n;
    lows[n] = Number(value & 0xffffffffn);
    highs[n] = Number(value >> 32n);
  }
  for (let n = 256; n < lows.length; n += 1) {
    const first = low(n - 256) & 0xff;
    lows[n] = ((low(n - 256) >>> 8) | (high(n - 256) << 24)) ^ low(first);
    highs[n] = (high(n - 256) >>> 8) ^ high(first);
  }
  return (crc, bytes) => {
    let lowHalf = ~Number(crc & 0xffffffffn) >>> 0;
    let highHalf = ~Number(crc >> 32n) >>> 0;
    let i = 0;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (; i + SLICE <= bytes.length; i += SLICE) {
      const a = lowHalf ^ view.getUint32(i, true);
      const b = highHalf ^ view.getUint32(i + 4, true);
      const i0 = 1792 + (a & 0xff);
      const i1 = 1536 + ((a >>> 8) & 0xff);
      const i2 = 1280 + ((a >>> 16) & 0xff);
      const i3 = 1024 + (a >>> 24);
      const i4 = 768 + (b & 0xff);
      const i5 = 512 + ((b >>> 8) & 0xff);
      const i6 = 256 + ((b >>> 16) & 0xff);
      const i7 = b >>> 24;
      lowHalf = low(i0) ^ low(i1) ^ low(i2) ^ low(i3) ^ low(i4) ^ low(i5) ^ low(i6) ^ low(i7);
      highHalf = high(i0) ^ high(i1) ^ high(i2) ^ high(i3) ^ high(i4) ^ high(i5) ^ high(i6) ^ high(i7);
    }
    for (; i < bytes.length; i += 1) {
      const index = (lowHalf ^ (bytes[i] ?? 0)) & 0xff;
      lowHalf = ((lowHalf >>> 8) | (highHalf << 24)) ^ low(index);
      highHalf = (highHalf >>> 8) ^ high(index);
    }
    return (BigInt(~highHalf >>> 0) << 32n) | BigInt(~lowHalf >>> 0);
  };
}

/** zlib's own, which uses the processor's carry-less multiplication. */
export const crc32: Crc = makeCrc(32, 0xedb88320n, (crc, bytes) => BigInt(zlibCrc32(bytes, Number(crc))));
/** Castagnoli. */
export const crc32c: Crc = makeCrc(32, 0x82f63b78n, makeTableUpdate32(0x82f63b78));
/** CRC-64/NVME. */
export const crc64nvme: Crc = makeCrc(64, 0x9a6c9329ac4bc9b5n, makeTableUpdate64(0x9a6c9329ac4bc9b5n));
