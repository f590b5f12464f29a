import { type FileHandle, open } from 'node:fs/promises';
import type { ChangedBlock, ListChangedBlocksRequest, ListChangedBlocksResponse } from '@aws-sdk/client-ebs';
import { BLOCK_BYTES } from '../ec2/block-map.ts';
import { type BlockRuns, blocksFrom, unionOfRuns } from '../ec2/block-runs.ts';
import { lineageOf } from '../ec2/direct-snapshots.ts';
import type { SnapshotRecord } from '../ec2/records.ts';
import type { Call } from '../service.ts';
import { readUpTo } from '../sparse/index.ts';
import { checkCompleted, checkSnapshotId } from './checks.ts';
import { invalid, invalidParameter } from './errors.ts';
import { pageOf } from './pages.ts';
import type { EbsSimulation } from './simulation.ts';
import { makeBlockTokens } from './tokens.ts';

/** Blocks that one call compares, however few of them differ: the rest is for the next page. */
const COMPARED_BLOCKS = 512;

/**
 * The blocks of two snapshots of one lineage whose bytes differ, or that only one of them has.
 * @throws AwsError ValidationException, ResourceNotFoundException, AccessDeniedException, ThrottlingException
 */
export async function listChangedBlocks(
  sim: EbsSimulation,
  input: ListChangedBlocksRequest,
  call: Call,
): Promise<ListChangedBlocksResponse> {
  const second = checkSnapshotId(input.SecondSnapshotId);
  sim.quotas.admit({ operation: 'ListChangedBlocks', snapshotId: second });
  const [before, after] = checkRelated(sim, input.FirstSnapshotId, second);
  const now = sim.context.time.now();
  const page = pageOf(`changes from ${before.id} to ${after.id}`, input, now);
  const tokens = makeBlockTokens(now);
  const changed: ChangedBlock[] = [];
  let next: number | undefined;
  for await (const { block, kind } of comparedBlocks(sim, [before, after], page.from)) {
    call.signal.throwIfAborted();
    if (kind === 'end' || changed.length === page.limit) {
      next = block;
      break;
    }
    if (kind === 'same') continue;
    changed.push({
      BlockIndex: block,
      ...(kind === 'new' ? {} : { FirstBlockToken: tokens.tokenOf({ snapshotId: before.id, block }) }),
      ...(kind === 'gone' ? {} : { SecondBlockToken: tokens.tokenOf({ snapshotId: after.id, block }) }),
    });
  }
  return {
    ChangedBlocks: changed,
    ExpiryTime: tokens.expiry,
    VolumeSize: after.sizeGiB,
    BlockSize: BLOCK_BYTES,
    ...page.next(next),
  };
}

type Pair = readonly [before: Readonly<SnapshotRecord>, after: Readonly<SnapshotRecord>];

function checkRelated(sim: EbsSimulation, first: string | undefined, second: string): Pair {
  if (first === undefined) throw invalidParameter('FirstSnapshotId has to be given with SecondSnapshotId.');
  const before = checkCompleted(sim, checkSnapshotId(first));
  const after = checkCompleted(sim, second);
  if (lineageOf(before) === lineageOf(after)) return [before, after];
  throw invalid('UNRELATED_SNAPSHOTS', `The snapshots '${first}' and '${second}' are not of one lineage.`);
}

interface ComparedBlock {
  readonly block: number;
  /** `end`: not compared any more. */
  readonly kind: 'same' | 'different' | 'new' | 'gone' | 'end';
}

async function* comparedBlocks(
  sim: EbsSimulation,
  [before, after]: Pair,
  from: number,
): AsyncGenerator<ComparedBlock> {
  const first = await sim.blocksOf(before.id);
  const second = await sim.blocksOf(after.id);
  const [inFirst, inSecond] = [membershipOf(first, from), membershipOf(second, from)];
  const sides: { readonly file: FileHandle; readonly bytes: Buffer }[] = [];
  let compared = 0;
  try {
    for (const { id } of [before, after]) {
      sides.push({ file: await open(sim.snapshots.file(id), 'r'), bytes: Buffer.allocUnsafe(BLOCK_BYTES) });
    }
    for (const block of blocksFrom(unionOfRuns(first, second), from)) {
      const [old, young] = [inFirst(block), inSecond(block)];
      if (!old) yield { block, kind: 'new' };
      else if (!young) yield { block, kind: 'gone' };
      else if (compared === COMPARED_BLOCKS) yield { block, kind: 'end' };
      else {
        compared += 1;
        yield { block, kind: (await isSame(sides, block)) ? 'same' : 'different' };
      }
    }
  } finally {
    for (const { file } of sides) await file.close();
  }
}

/** Whether ever higher blocks are in the runs. */
function membershipOf(runs: BlockRuns, from: number): (block: number) => boolean {
  const blocks = blocksFrom(runs, from);
  let next = blocks.next();
  return (block) => {
    while (!next.done && next.value < block) next = blocks.next();
    return !next.done && next.value === block;
  };
}

async function isSame(
  sides: readonly { readonly file: FileHandle; readonly bytes: Buffer }[],
  block: number,
): Promise<boolean> {
  const [one, other] = await Promise.all(
    sides.map(async ({ file, bytes }) => bytes.subarray(0, await readUpTo(file, block * BLOCK_BYTES, bytes))),
  );
  return one !== undefined && other !== undefined && one.equals(other);
}
