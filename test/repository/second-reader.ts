/**
 * A second reader of repositories in a folder, written from docs/repository-format.md alone: it shares no code with
 * the first and takes no shortcut, so that a mistake in the code shows as a difference from the page.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';

const hash = (...parts: Uint8Array[]) => {
  const sha = createHash('sha256');
  for (const part of parts) sha.update(part);
  return sha.digest('hex');
};

function must(condition: boolean, claim: string): void {
  if (!condition) throw new Error(`not as documented: ${claim}`);
}

function readObject(repository: string, kind: string, digest: string): Buffer {
  return readFileSync(join(repository, kind, digest.slice(0, 2), digest));
}

function checkBinary(bytes: Buffer, magic: string): string {
  must(bytes.subarray(0, 4).toString('ascii') === magic, `begins with ${magic}`);
  must(bytes.readUInt32LE(4) === 1, 'version 1');
  const own = hash(bytes.subarray(0, -32));
  must(bytes.subarray(-32).toString('hex') === own, 'ends with the SHA-256 of what precedes');
  return own;
}

export interface SecondManifest {
  readonly id: string;
  readonly workload: string;
  readonly disks: { id: string; size: number; object: string; diskDigest: string; writtenDigest: string }[];
}

export function checkFormatFile(repository: string): void {
  const bytes = readFileSync(join(repository, 'landfall.json'));
  const parsed = JSON.parse(bytes.toString('utf8'));
  must(parsed.format === 1 && parsed.features.length === 0 && parsed.encryption === 'none', 'format 1');
  must(bytes.subarray(-81).toString() === `  "sha256": "${hash(bytes.subarray(0, -81))}"\n}\n`, 'the ending');
}

export function readManifests(repository: string): SecondManifest[] {
  const root = join(repository, 'restore-points');
  return readdirSync(root)
    .sort()
    .map((id) => {
      const [file = ''] = readdirSync(join(root, id));
      const bytes = readFileSync(join(root, id, file));
      const manifest = JSON.parse(bytes.toString('utf8'));
      must(id.endsWith(`-${hash(bytes)}`), 'the id ends with the digest of the manifest');
      must(file === `${manifest.workload.name}.json`, 'the file is named by the workload');
      must(id.startsWith(`rp-${manifest.time.replace(/[-:]/g, '')}-`), 'the id begins with the time');
      return { id, workload: manifest.workload.name, disks: manifest.disks };
    });
}

export function readDiskBytes(repository: string, disk: SecondManifest['disks'][number]): Buffer {
  const bytes = readObject(repository, 'disks', disk.object);
  must(checkBinary(bytes, 'LFDK') === disk.object, 'the disk is named by its own digest');
  must(Number(bytes.readBigUInt64LE(8)) === disk.size, 'the size');
  const segmentBytes = Number(bytes.readBigUInt64LE(16));
  const segments = bytes.readUInt32LE(96);
  const listed = bytes.readUInt32LE(100);
  must(bytes.length === 104 + 36 * segments + 36 * listed + 32, 'the length of a disk object');
  must(segments === Math.ceil(disk.size / segmentBytes), 'the number of segments');
  const packsListed = new Set<string>();
  for (let at = 104 + 36 * segments; at < bytes.length - 32; at += 36) {
    packsListed.add(bytes.subarray(at, at + 32).toString('hex'));
  }
  const packsUsed = new Set<string>();
  const content: Buffer[] = [];
  const lists: Buffer[] = [];
  for (let index = 0; index < segments; index += 1) {
    const at = 104 + 36 * index;
    const segment = readSegment(repository, {
      name: bytes.subarray(at, at + 32).toString('hex'),
      blocks: Math.ceil(Math.min(segmentBytes, disk.size - index * segmentBytes) / 524_288),
      dataBlocks: bytes.readUInt32LE(at + 32),
    });
    for (const pack of segment.packs) packsUsed.add(pack);
    content.push(...segment.content);
    lists.push(...segment.list);
  }
  must(
    [...packsUsed].sort().join() === [...packsListed].join(),
    'the list of packs, ascending, is what the segments refer to',
  );
  const zero = '07854d2fef297a06ba81685e660c332de36d5d18d546927d30daad6d7fda1541';
  const data = lists.filter((digest) => digest.toString('hex') !== zero);
  must(Number(bytes.readBigUInt64LE(24)) === data.length, 'the number of data blocks');
  must(
    hash(...lists) === disk.diskDigest && bytes.subarray(32, 64).toString('hex') === disk.diskDigest,
    'disk digest',
  );
  must(
    hash(...data) === disk.writtenDigest && bytes.subarray(64, 96).toString('hex') === disk.writtenDigest,
    'written digest',
  );
  return Buffer.concat(content).subarray(0, disk.size);
}

function readSegment(
  repository: string,
  { name, blocks, dataBlocks }: { name: string; blocks: number; dataBlocks: number },
): { content: Buffer[]; list: Buffer[]; packs: string[] } {
  const zeros = Buffer.alloc(524_288);
  const content: Buffer[] = Array.from({ length: blocks }, () => zeros);
  const list = content.map((block) => createHash('sha256').update(block).digest());
  const packs: string[] = [];
  if (dataBlocks > 0) {
    const bytes = readObject(repository, 'segments', name);
    checkBinary(bytes, 'LFSG');
    must(bytes.readUInt32LE(8) === blocks, 'the number of blocks');
    const packCount = bytes.readUInt32LE(12);
    const bitmap = 16 + 40 * packCount;
    let at = bitmap + Math.ceil(blocks / 8);
    must(bytes.length === at + 44 * dataBlocks + 32, 'the length of a segment object');
    for (let index = 0; index < packCount; index += 1) {
      packs.push(bytes.subarray(16 + 40 * index, 48 + 40 * index).toString('hex'));
    }
    for (let index = 0; index < blocks; index += 1) {
      if (((bytes[bitmap + Math.floor(index / 8)] ?? 0) & (1 << (index % 8))) === 0) continue;
      const place = 16 + 40 * bytes.readUInt32LE(at + 32);
      const block = readBlock(repository, {
        digest: bytes.subarray(at, at + 32).toString('hex'),
        pack: bytes.subarray(place, place + 32).toString('hex'),
        packSize: bytes.readUInt32LE(place + 32),
        packFrames: bytes.readUInt32LE(place + 36),
        offset: bytes.readUInt32LE(at + 36),
        length: bytes.readUInt32LE(at + 40),
      });
      content[index] = block;
      list[index] = createHash('sha256').update(block).digest();
      at += 44;
    }
    must(at === bytes.length - 32, 'as many data blocks as set bits');
  }
  must(hash(...list) === name, 'a segment is named by the digest of its digest list');
  return { content, list, packs };
}

function readBlock(
  repository: string,
  place: {
    digest: string;
    pack: string;
    packSize: number;
    packFrames: number;
    offset: number;
    length: number;
  },
): Buffer {
  const pack = readObject(repository, 'packs', place.pack);
  must(checkBinary(pack, 'LFPK') === place.pack, 'a pack is named by its own digest');
  must(pack.length === place.packSize, 'the size of the pack');
  const frames = pack.readUInt32LE(pack.length - 40);
  const table = pack.readUInt32LE(pack.length - 36);
  must(frames === place.packFrames && table === pack.length - 40 - 40 * frames, 'the table of the pack');
  let next = 8;
  let isNamed = false;
  for (let at = table; at < pack.length - 40; at += 40) {
    const [digest, offset, length] = [
      pack.subarray(at, at + 32).toString('hex'),
      pack.readUInt32LE(at + 32),
      pack.readUInt32LE(at + 36),
    ];
    must(offset === next, 'frames lie back to back');
    next += length;
    isNamed ||= digest === place.digest && offset === place.offset && length === place.length;
  }
  must(next === table, 'frames fill the pack');
  must(isNamed, 'the table names the frame');
  const block = zstdDecompressSync(pack.subarray(place.offset, place.offset + place.length));
  must(block.length === 524_288 && hash(block) === place.digest, 'the digest of the block');
  return block;
}
