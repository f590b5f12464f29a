/*
 * A program of its own: `node cli/drill/compare-disk.ts SOURCE VOLUME` says whether a restored volume is what its
 * source was. It uses nothing of Landfall, neither the repository engine nor the local region, only the two files,
 * so it cannot repeat a mistake of theirs. One JSON object on stdout; exit code 0 when the volume is right, else 1.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';

const GIB = 1024 ** 3;
const CHUNK = 4 * 1024 ** 2;
const ZEROS = Buffer.alloc(CHUNK);

async function compare(sourcePath: string, volumePath: string) {
  const source = await open(sourcePath, 'r');
  const volume = await open(volumePath, 'r');
  try {
    const content = await compareContent(source, volume);
    const tail = await scanTail(volume, content.sourceBytes);
    const files = await compareFiles(source, volume);
    const problem = findProblem({ ...content, ...tail, ...files });
    return { equal: problem === undefined, problem, ...content, ...tail, ...files };
  } finally {
    await source.close();
    await volume.close();
  }
}

/** Reads the source to its end, and as much of the volume. */
async function compareContent(source: FileHandle, volume: FileHandle) {
  const [sourceHash, volumeHash] = [createHash('sha256'), createHash('sha256')];
  const [ours, theirs] = [Buffer.alloc(CHUNK), Buffer.alloc(CHUNK)];
  let sourceBytes = 0;
  let firstDifference: number | undefined;
  for (;;) {
    const left = await readUpTo(source, { into: ours, position: sourceBytes });
    if (left.length === 0) break;
    const right = await readUpTo(volume, { into: theirs.subarray(0, left.length), position: sourceBytes });
    sourceHash.update(left);
    volumeHash.update(right);
    if (firstDifference === undefined && !left.equals(right)) {
      firstDifference = sourceBytes + left.findIndex((byte, index) => byte !== right[index]);
    }
    sourceBytes += left.length;
  }
  return {
    sourceBytes,
    sourceSha256: sourceHash.digest('hex'),
    /** Of the volume's first `sourceBytes` bytes. */
    volumeSha256: volumeHash.digest('hex'),
    firstDifference,
  };
}

/** Reads the volume from the source's end on, where nothing but zeros may be. */
async function scanTail(volume: FileHandle, from: number) {
  const buffer = Buffer.alloc(CHUNK);
  let position = from;
  let firstNonZero: number | undefined;
  for (;;) {
    const bytes = await readUpTo(volume, { into: buffer, position });
    if (bytes.length === 0) break;
    if (firstNonZero === undefined && !bytes.equals(ZEROS.subarray(0, bytes.length))) {
      firstNonZero = position + bytes.findIndex((byte) => byte !== 0);
    }
    position += bytes.length;
  }
  const { size } = await volume.stat();
  return { volumeBytes: size, zeroTailBytes: Math.max(0, size - from), firstNonZero };
}

/** Two files share no storage when they are different inodes and no other name leads to the volume. */
async function compareFiles(source: FileHandle, volume: FileHandle) {
  const [ours, theirs] = [await source.stat(), await volume.stat()];
  return {
    sourceInode: `${ours.dev}:${ours.ino}`,
    volumeInode: `${theirs.dev}:${theirs.ino}`,
    volumeLinks: theirs.nlink,
  };
}

interface Facts {
  sourceBytes: number;
  volumeBytes: number;
  firstDifference: number | undefined;
  firstNonZero: number | undefined;
  sourceInode: string;
  volumeInode: string;
  volumeLinks: number;
}

function findProblem(facts: Facts): string | undefined {
  const wantedBytes = Math.max(1, Math.ceil(facts.sourceBytes / GIB)) * GIB;
  if (facts.sourceInode === facts.volumeInode) return 'the volume is the very file of its source';
  if (facts.volumeLinks !== 1) return `the volume's file has ${facts.volumeLinks} names: it is shared`;
  if (facts.firstDifference !== undefined) return `the first difference is at byte ${facts.firstDifference}`;
  if (facts.volumeBytes !== wantedBytes) return `it has ${facts.volumeBytes} bytes instead of ${wantedBytes}`;
  if (facts.firstNonZero !== undefined)
    return `byte ${facts.firstNonZero}, after the disk's end, is not zero`;
  return undefined;
}

async function readUpTo(
  file: FileHandle,
  { into, position }: { into: Buffer; position: number },
): Promise<Buffer> {
  let done = 0;
  while (done < into.length) {
    const { bytesRead } = await file.read(into, done, into.length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return into.subarray(0, done);
}

const [sourcePath, volumePath] = process.argv.slice(2);
if (sourcePath === undefined || volumePath === undefined) {
  console.error('usage: node cli/drill/compare-disk.ts SOURCE VOLUME');
  process.exit(2);
}
const comparison = await compare(sourcePath, volumePath);
console.log(JSON.stringify(comparison));
process.exitCode = comparison.equal ? 0 : 1;
