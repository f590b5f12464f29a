import type { BigIntStats } from 'node:fs';
import { type FileHandle, readFile } from 'node:fs/promises';

const SECTOR_BYTES = 512;
/** The largest sector that disks have; reads at other places fail on some systems. */
const PROBE_BYTES = 4096;

/**
 * Bytes of a block device. Linux says it under /sys; elsewhere the end is searched for with single reads,
 * because Node can neither seek to the end of a file nor ask a device (ioctl).
 */
export async function sizeOfBlockDevice(handle: FileHandle): Promise<number> {
  const { major, minor } = deviceNumbers(await handle.stat({ bigint: true }));
  try {
    const sectors = await readFile(`/sys/dev/block/${major}:${minor}/size`, 'ascii');
    return Number(sectors.trim()) * SECTOR_BYTES;
  } catch {
    return await findEnd(handle);
  }
}

/** `gnu_dev_major` and `gnu_dev_minor` of glibc: how Linux packs both into 64 bits. */
function deviceNumbers({ rdev }: BigIntStats): { major: bigint; minor: bigint } {
  return {
    major: ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn),
    minor: (rdev & 0xffn) | ((rdev >> 12n) & ~0xffn),
  };
}

/** The offset at which reads begin to give nothing, to the sector: doubling, then halving. */
export async function findEnd(handle: Pick<FileHandle, 'read'>): Promise<number> {
  const probe = Buffer.alloc(PROBE_BYTES);
  const bytesAt = async (block: number): Promise<number> => {
    const { bytesRead } = await handle.read(probe, 0, PROBE_BYTES, block * PROBE_BYTES);
    return bytesRead;
  };
  let readable = -1;
  let end = 1;
  while ((await bytesAt(end)) > 0) {
    readable = end;
    end *= 2;
  }
  while (end - readable > 1) {
    const middle = Math.floor((readable + end) / 2);
    if ((await bytesAt(middle)) > 0) readable = middle;
    else end = middle;
  }
  return readable < 0 ? 0 : readable * PROBE_BYTES + (await bytesAt(readable));
}
