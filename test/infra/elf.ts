/** What a loader asks of an ELF file, read after the specification: System V ABI, and the Linux Standard Base for symbol versions. */
export interface Elf {
  readonly machine: number;
  /** The program that loads it. */
  readonly interpreter: string;
  /** Libraries that it is linked with. */
  readonly needed: readonly string[];
  /** Versions of symbols that it wants of its libraries, such as `GLIBC_2.28`. */
  readonly versions: readonly string[];
}

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const DT_NEEDED = 1n;
const DT_STRTAB = 5n;
const DT_VERNEED = 0x6ffffffen;
const DT_VERNEEDNUM = 0x6fffffffn;

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly bytes: number;
}

/** Reads a 64-bit little-endian ELF file. */
export function parseElf(file: Buffer): Elf {
  if (file.toString('latin1', 0, 4) !== '\x7fELF' || file[4] !== 2 || file[5] !== 1) {
    throw new Error('no ELF file of 64 bits, little-endian');
  }
  const segments = readSegments(file);
  const one = (type: number): Segment => {
    const [segment, ...more] = segments.filter((candidate) => candidate.type === type);
    if (segment === undefined || more.length > 0)
      throw new Error(`${more.length + 1} segments of type ${type}`);
    return segment;
  };
  const offsetOf = (address: bigint): number => {
    const at = Number(address);
    const segment = segments.find(
      ({ type, address: start, bytes }) => type === PT_LOAD && at >= start && at < start + bytes,
    );
    if (segment === undefined) throw new Error(`address ${address} is in no segment`);
    return at - segment.address + segment.offset;
  };
  const dynamic = readDynamic(file, one(PT_DYNAMIC));
  const dynamicValue = (tag: bigint): bigint => dynamic.find(([of]) => of === tag)?.[1] ?? 0n;
  const strings = offsetOf(dynamicValue(DT_STRTAB));
  const stringAt = (index: number): string => textAt(file, strings + index);
  return {
    machine: file.readUInt16LE(18),
    interpreter: textAt(file, one(PT_INTERP).offset),
    needed: dynamic.filter(([tag]) => tag === DT_NEEDED).map(([, index]) => stringAt(Number(index))),
    versions: readVersions(file, {
      at: offsetOf(dynamicValue(DT_VERNEED)),
      count: Number(dynamicValue(DT_VERNEEDNUM)),
    }).map(stringAt),
  };
}

function readSegments(file: Buffer): Segment[] {
  const table = Number(file.readBigUInt64LE(32));
  const entryBytes = file.readUInt16LE(54);
  return Array.from({ length: file.readUInt16LE(56) }, (_, index) => {
    const at = table + index * entryBytes;
    return {
      type: file.readUInt32LE(at),
      offset: Number(file.readBigUInt64LE(at + 8)),
      address: Number(file.readBigUInt64LE(at + 16)),
      bytes: Number(file.readBigUInt64LE(at + 32)),
    };
  });
}

function readDynamic(file: Buffer, { offset, bytes }: Segment): [tag: bigint, value: bigint][] {
  return Array.from({ length: bytes / 16 }, (_, index): [bigint, bigint] => [
    file.readBigUInt64LE(offset + index * 16),
    file.readBigUInt64LE(offset + index * 16 + 8),
  ]);
}

/** Indexes of the names, from a chain of files (Elf64_Verneed) with a chain of versions each (Elf64_Vernaux). */
function readVersions(file: Buffer, { at, count }: { at: number; count: number }): number[] {
  const names: number[] = [];
  let library = at;
  for (let seen = 0; seen < count; seen += 1) {
    let version = library + file.readUInt32LE(library + 8);
    for (let left = file.readUInt16LE(library + 2); left > 0; left -= 1) {
      names.push(file.readUInt32LE(version + 8));
      version += file.readUInt32LE(version + 12);
    }
    library += file.readUInt32LE(library + 12);
  }
  return names;
}

const textAt = (file: Buffer, at: number): string => file.toString('latin1', at, file.indexOf(0, at));
