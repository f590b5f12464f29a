import type { DiskId, RestorePointId, WorkloadName } from '../model/ids.ts';
import type { ManifestDisk } from '../model/manifest.ts';
import { BLOCK_BYTES } from './block.ts';
import type { Digest } from './digest.ts';
import { makeDiskDigests } from './disk-digests.ts';
import { type DiskObject, segmentBlocks } from './disk-format.ts';
import { CorruptObject } from './errors.ts';
import { diskKey, packKey, segmentKey } from './keys.ts';
import { loadSegment } from './objects.ts';
import { openListedDisk } from './open-disk.ts';
import { runAhead } from './run-ahead.ts';
import type { Segment } from './segment-format.ts';
import type { Store } from './store.ts';
import type { PackChecks } from './verify-packs.ts';

/** Something missing or damaged. */
export interface Finding {
  /** Key of the object. */
  readonly object: string;
  /** What is wrong with it, to be read after its key. */
  readonly problem: string;
  readonly restorePoint?: RestorePointId;
  readonly workload?: WorkloadName;
  readonly diskId?: DiskId;
  /** The first affected byte of the disk. */
  readonly offset?: number;
  /** How many of the disk's data blocks are affected. */
  readonly blocks?: number;
}

/** What has been looked at already, by digest. */
export interface Seen {
  readonly disks: Set<Digest>;
  readonly segments: Set<Digest>;
  /** Segments all of whose blocks are where they should be. */
  readonly soundSegments: Set<Digest>;
}

export interface DiskCheck {
  readonly store: Store;
  readonly id: RestorePointId;
  readonly workload: WorkloadName;
  readonly listed: ManifestDisk;
  readonly packs: PackChecks;
  readonly seen: Seen;
  readonly signal: AbortSignal | undefined;
  readonly onRead: (bytes: number) => void;
  readonly onFinding: (finding: Finding) => void;
}

const SEGMENTS_AHEAD = 4;

/** Checks everything that one disk of one restore point needs. */
export async function verifyDisk(check: DiskCheck): Promise<void> {
  const { store, id, workload, listed, seen, signal, onFinding } = check;
  const where = { restorePoint: id, workload, diskId: listed.id };
  let disk: DiskObject;
  try {
    disk = await openListedDisk(store, listed, { id, signal });
    noteRead(check, seen.disks, disk.digest, disk.objectBytes);
  } catch (error) {
    if (!(error instanceof CorruptObject)) throw error;
    onFinding({ object: error.key, problem: error.problem, ...where });
    return;
  }
  const problems = makeProblems();
  const digests = makeDiskDigests();
  for await (const { index, segment } of checkedSegments(check, disk, problems)) {
    if (segment) digests.addSegment({ blockCount: segment.blockCount, dataBlocks: segment.dataBlocks() });
    else digests.addZeros(segmentBlocks(disk, index));
  }
  for (const problem of problems.all()) onFinding({ ...problem, ...where });
  if (problems.hasUnreadableSegment) return;
  const { diskDigest, writtenDigest } = digests.finish();
  for (const [name, found, said] of [
    ['disk digest', diskDigest, disk.diskDigest],
    ['written digest', writtenDigest, disk.writtenDigest],
  ] as const) {
    if (found === said) continue;
    onFinding({
      object: diskKey(disk.digest),
      problem: `says ${name} ${said}, its blocks give ${found}`,
      ...where,
    });
  }
}

/** Counts an object the first time. */
function noteRead({ onRead }: DiskCheck, seen: Set<Digest>, digest: Digest, bytes: number): void {
  if (seen.has(digest)) return;
  seen.add(digest);
  onRead(bytes);
}

/** The disk's segments in order; without `segment` where there are only zeros, or where it cannot be read. */
async function* checkedSegments(check: DiskCheck, disk: DiskObject, problems: Problems) {
  const indexes = Array.from({ length: disk.segmentCount }, (_, index) => index);
  yield* runAhead(indexes, {
    work: async (index) => ({ index, segment: await checkSegment(check, { disk, index, problems }) }),
    costOf: () => 1,
    budget: SEGMENTS_AHEAD,
  });
}

async function checkSegment(
  check: DiskCheck,
  { disk, index, problems }: { disk: DiskObject; index: number; problems: Problems },
): Promise<Segment | undefined> {
  const { store, packs, seen, signal } = check;
  signal?.throwIfAborted();
  const { digest, dataBlocks } = disk.segmentAt(index);
  if (dataBlocks === 0) return undefined;
  const start = index * disk.segmentBytes;
  try {
    const segment = await loadSegment(store, disk, { index, signal });
    noteRead(check, seen.segments, digest, segment.objectBytes);
    if (seen.soundSegments.has(digest)) return segment;
    // Started together, so that the next pack is read while this one is checked.
    await Promise.all(segment.packs.map((pack) => packs.check(pack)));
    let isSound = true;
    for (const block of segment.dataBlocks()) {
      const found = await packs.problemOf(block);
      if (!found) continue;
      isSound = false;
      const object = found.object === 'pack' ? packKey(block.pack.digest) : segmentKey(digest);
      problems.add({ object, problem: found.problem, offset: start + block.index * BLOCK_BYTES, blocks: 1 });
    }
    if (isSound) seen.soundSegments.add(digest);
    return segment;
  } catch (error) {
    if (!(error instanceof CorruptObject)) throw error;
    seen.segments.add(digest);
    problems.addUnreadableSegment({
      object: error.key,
      problem: error.problem,
      offset: start,
      blocks: dataBlocks,
    });
    return undefined;
  }
}

type Problem = Required<Pick<Finding, 'object' | 'problem' | 'offset' | 'blocks'>>;
type Problems = ReturnType<typeof makeProblems>;

/** One per object and kind of problem, with the first offset and the number of blocks: a lost pack is one finding, not hundreds. */
function makeProblems() {
  const found = new Map<string, Problem>();
  let hasUnreadableSegment = false;
  const add = ({ object, problem, offset, blocks }: Problem) => {
    const name = `${object} ${problem}`;
    const known = found.get(name);
    found.set(name, {
      ...{ object, problem },
      offset: Math.min(known?.offset ?? offset, offset),
      blocks: (known?.blocks ?? 0) + blocks,
    });
  };
  return {
    add,
    addUnreadableSegment(problem: Problem) {
      hasUnreadableSegment = true;
      add(problem);
    },
    get hasUnreadableSegment() {
      return hasUnreadableSegment;
    },
    all: () => [...found.values()].sort((a, b) => a.offset - b.offset),
  };
}
