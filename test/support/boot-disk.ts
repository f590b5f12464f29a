import { sparseDisk, type TestDisk } from './restore-bench.ts';

const EFI_SYSTEM_PARTITION = 0xef;

/** A disk that VM Import takes as one to boot from: with a master boot record and one partition, else as other disks of tests. */
export function bootDisk(id: string, size: number): TestDisk {
  const disk = sparseDisk(id, size, { boot: true });
  disk.bytes.fill(0, 446, 510);
  disk.bytes.set([0x80, 0, 2, 0, EFI_SYSTEM_PARTITION, 0, 3, 0], 446);
  disk.bytes.writeUInt32LE(2_048, 454);
  disk.bytes.writeUInt32LE(8_192, 458);
  disk.bytes.set([0x55, 0xaa], 510);
  return disk;
}
