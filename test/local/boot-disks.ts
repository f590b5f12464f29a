/** Disks with partition tables as `sfdisk` writes them, byte by byte, with something to recognise behind. */

const SECTOR = 512;

/** First sector of a disk with one partition from sector 2048 on, active, of the given type (0x83: Linux). */
function masterBootRecord(type: number, sectors: number): Buffer {
  const sector = Buffer.alloc(SECTOR);
  sector.set([0x80, 0x20, 0x21, 0x00, type, 0x00, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00], 446);
  sector.writeUInt32LE(sectors, 458);
  sector.set([0x55, 0xaa], 510);
  return sector;
}

/** A disk of 2 MiB with an MBR and one Linux partition of one MiB. */
export function linuxDisk(text = 'a Linux root'): Buffer {
  const disk = Buffer.alloc(2 * 1024 ** 2);
  masterBootRecord(0x83, 2048).copy(disk);
  disk.write(text, 2048 * SECTOR + 1024);
  return disk;
}

/** The same with an NTFS file system in it. */
export function windowsDisk(): Buffer {
  const disk = linuxDisk('');
  masterBootRecord(0x07, 2048).copy(disk);
  disk.write('\xeb\x52\x90NTFS    ', 2048 * SECTOR, 'latin1');
  return disk;
}

const LINUX_DATA = Buffer.from('af3dc60f838472478e793d69d8477de4', 'hex');
const EFI_SYSTEM = Buffer.from('28732ac11ff8d211ba4b00a0c93ec93b', 'hex');

/** A disk of 2 MiB with a GUID partition table: a Linux partition, and an EFI system partition before it if asked. */
export function guidDisk(partitions: { readonly withEfi: boolean }): Buffer {
  const disk = Buffer.alloc(2 * 1024 ** 2);
  disk.set([0x00, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff, 0x01, 0x00, 0x00, 0x00], 446);
  disk.writeUInt32LE(4095, 458);
  disk.set([0x55, 0xaa], 510);
  disk.write('EFI PART', SECTOR, 'latin1');
  disk.writeUInt32LE(0x00010000, SECTOR + 8);
  disk.writeUInt32LE(92, SECTOR + 12);
  disk.writeBigUInt64LE(2n, SECTOR + 72);
  disk.writeUInt32LE(128, SECTOR + 80);
  disk.writeUInt32LE(128, SECTOR + 84);
  const types = partitions.withEfi ? [EFI_SYSTEM, LINUX_DATA] : [LINUX_DATA];
  for (const [index, type] of types.entries()) {
    const entry = 2 * SECTOR + index * 128;
    type.copy(disk, entry);
    disk.writeBigUInt64LE(BigInt(2048 + index * 512), entry + 32);
    disk.writeBigUInt64LE(BigInt(2048 + index * 512 + 511), entry + 40);
  }
  disk.write('a GPT disk', 3000 * SECTOR);
  return disk;
}
