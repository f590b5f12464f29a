import type { ListSnapshotBlocksRequest, ListSnapshotBlocksResponse } from '@aws-sdk/client-ebs';
import { BLOCK_BYTES } from '../ec2/block-map.ts';
import { blocksFrom } from '../ec2/block-runs.ts';
import { checkCompleted, checkSnapshotId } from './checks.ts';
import { pageOf } from './pages.ts';
import type { EbsSimulation } from './simulation.ts';
import { makeBlockTokens } from './tokens.ts';

/** @throws AwsError ValidationException, ResourceNotFoundException, AccessDeniedException, ThrottlingException */
export async function listSnapshotBlocks(
  sim: EbsSimulation,
  input: ListSnapshotBlocksRequest,
): Promise<ListSnapshotBlocksResponse> {
  const snapshotId = checkSnapshotId(input.SnapshotId);
  sim.quotas.admit({ operation: 'ListSnapshotBlocks', snapshotId });
  const { sizeGiB } = checkCompleted(sim, snapshotId);
  const now = sim.context.time.now();
  const page = pageOf(`blocks of ${snapshotId}`, input, now);
  const tokens = makeBlockTokens(now);
  const blocks: { BlockIndex: number; BlockToken: string }[] = [];
  let next: number | undefined;
  for (const block of blocksFrom(await sim.blocksOf(snapshotId), page.from)) {
    if (blocks.length === page.limit) {
      next = block;
      break;
    }
    blocks.push({ BlockIndex: block, BlockToken: tokens.tokenOf({ snapshotId, block }) });
  }
  return {
    Blocks: blocks,
    ExpiryTime: tokens.expiry,
    VolumeSize: sizeGiB,
    BlockSize: BLOCK_BYTES,
    ...page.next(next),
  };
}
