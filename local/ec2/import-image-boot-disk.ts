import type { GuestPlatform } from './import-image-record.ts';

/** Up to `length` bytes at `offset` of a disk. */
export type DiskReader = (offset: number, length: number) => Promise<Buffer>;

/** What a boot disk shows without its file systems being read. */
export interface BootDisk {
  readonly hasEfiSystemPartition: boolean;
  readonly platform: GuestPlatform;
}

const SECTOR_BYTES = 512;
const BOOT_SIGNATURE = 0xaa55;
const MBR_TABLE_OFFSET = 446;
const MBR_ENTRY_BYTES = 16;
const MBR_ENTRIES = 4;
/** In the MBR of a disk with GUID partition table. */
const MBR_TYPE_PROTECTIVE = 0xee;
const MBR_TYPE_EFI = 0xef;
const GPT_SIGNATURE = 'EFI PART';
/** `c12a7328-f81f-11d2-ba4b-00a0c93ec93b` as it lies on the disk (UEFI 2.10, 5.3.3). */
const GUID_EFI_SYSTEM = '28732ac11ff8d211ba4b00a0c93ec93b';
const GUID_UNUSED = '0'.repeat(32);
/** What UEFI wants room for at least; nobody writes more. */
const GPT_ENTRIES_READ = 128;
const NTFS_NAME = 'NTFS    ';

interface Partition {
  readonly startSector: number;
  readonly isEfiSystem: boolean;
}

/** Looks for a boot record and partitions; undefined where there is nothing that could boot. */
export async function lookAtBootDisk(read: DiskReader): Promise<BootDisk | undefined> {
  const partitions = await readPartitions(read);
  if (partitions.length === 0) return undefined;
  return {
    hasEfiSystemPartition: partitions.some((partition) => partition.isEfiSystem),
    platform: (await hasNtfs(read, partitions)) ? 'Windows' : 'Linux',
  };
}

async function readPartitions(read: DiskReader): Promise<Partition[]> {
  const sector = await read(0, SECTOR_BYTES);
  if (sector.length < SECTOR_BYTES || sector.readUInt16LE(SECTOR_BYTES - 2) !== BOOT_SIGNATURE) return [];
  const entries = Array.from({ length: MBR_ENTRIES }, (_, index) => {
    const at = MBR_TABLE_OFFSET + index * MBR_ENTRY_BYTES;
    return {
      type: sector.readUInt8(at + 4),
      startSector: sector.readUInt32LE(at + 8),
      sectors: sector.readUInt32LE(at + 12),
    };
  }).filter((entry) => entry.type !== 0 && entry.sectors > 0);
  if (entries.some((entry) => entry.type === MBR_TYPE_PROTECTIVE)) return readGuidTable(read);
  return entries.map(({ type, startSector }) => ({ startSector, isEfiSystem: type === MBR_TYPE_EFI }));
}

async function readGuidTable(read: DiskReader): Promise<Partition[]> {
  const header = await read(SECTOR_BYTES, SECTOR_BYTES);
  if (header.length < SECTOR_BYTES || header.toString('latin1', 0, 8) !== GPT_SIGNATURE) return [];
  const tableSector = Number(header.readBigUInt64LE(72));
  const count = Math.min(header.readUInt32LE(80), GPT_ENTRIES_READ);
  const entryBytes = header.readUInt32LE(84);
  if (entryBytes < 128 || entryBytes > 4096) return [];
  const table = await read(tableSector * SECTOR_BYTES, count * entryBytes);
  return Array.from({ length: Math.floor(table.length / entryBytes) }, (_, index) => {
    const at = index * entryBytes;
    return {
      type: table.toString('hex', at, at + 16),
      startSector: Number(table.readBigUInt64LE(at + 32)),
    };
  })
    .filter((entry) => entry.type !== GUID_UNUSED)
    .map(({ type, startSector }) => ({ startSector, isEfiSystem: type === GUID_EFI_SYSTEM }));
}

async function hasNtfs(read: DiskReader, partitions: readonly Partition[]): Promise<boolean> {
  for (const { startSector } of partitions) {
    const start = await read(startSector * SECTOR_BYTES, SECTOR_BYTES);
    if (start.toString('latin1', 3, 11) === NTFS_NAME) return true;
  }
  return false;
}
