import { join } from 'node:path';
import { BLOCK_BYTES } from '../ec2/block-map.ts';
import type { BlockRuns } from '../ec2/block-runs.ts';
import type { DirectSnapshots } from '../ec2/direct-snapshots.ts';
import type { Operation, RegionContext, Service } from '../service.ts';
import { makeBlockSlots } from './block-slots.ts';
import { listChangedBlocks } from './changed-blocks.ts';
import { completeSnapshot } from './complete-snapshot.ts';
import { getSnapshotBlock } from './get-block.ts';
import { listSnapshotBlocks } from './list-blocks.ts';
import { openSnapshots } from './open-snapshots.ts';
import { putSnapshotBlock } from './put-block.ts';
import type { EbsOperation } from './quota-model.ts';
import { type EbsQuotas, makeQuotaSwitch } from './quotas.ts';
import type { EbsSimulation } from './simulation.ts';
import { startSnapshot } from './start-snapshot.ts';

export interface EbsDependencies {
  /** EC2's snapshots, which these APIs write and read. */
  readonly snapshots: DirectSnapshots;
  /** Factor on simulated durations: how long a snapshot may be left alone. */
  readonly timeScale: number;
}

/** The EBS direct APIs (ebs 2019-11-02), and what only the region itself may ask of them. */
export interface EbsService extends Service {
  /** May be set at any time; see {@link EbsQuotas}. */
  quotas: EbsQuotas;
  stop(): Promise<void>;
}

/** Blocks in memory at once, coming or going: 64 MiB. */
const BLOCKS_IN_MEMORY = 128;

/** Opens the EBS direct APIs of a region; snapshots that were being written when it stopped can be written on. */
export async function makeEbsService(
  context: RegionContext,
  { snapshots, timeScale }: EbsDependencies,
): Promise<EbsService> {
  const folder = join(context.stateFolder, 'ebs');
  const quotas = makeQuotaSwitch();
  const sim: EbsSimulation = {
    context,
    snapshots,
    open: await openSnapshots({ snapshots, time: context.time, timeScale, folder }),
    slots: makeBlockSlots(BLOCK_BYTES, BLOCKS_IN_MEMORY),
    quotas,
    blocksOf: cachedBlocks(snapshots),
  };
  return {
    name: 'ebs',
    operations: operationsOf(sim),
    get quotas() {
      return quotas.current;
    },
    set quotas(wanted) {
      quotas.current = wanted;
    },
    stop: () => sim.open.stop(),
  };
}

function operationsOf(sim: EbsSimulation): Record<EbsOperation, Operation> {
  return {
    StartSnapshot: (input, call) => startSnapshot(sim, input, call),
    PutSnapshotBlock: (input, call) => putSnapshotBlock(sim, input, call),
    CompleteSnapshot: (input, call) => completeSnapshot(sim, input, call),
    GetSnapshotBlock: (input, call) => getSnapshotBlock(sim, input, call),
    ListSnapshotBlocks: (input) => listSnapshotBlocks(sim, input),
    ListChangedBlocks: (input, call) => listChangedBlocks(sim, input, call),
  };
}

/** Lists of blocks that are kept, as every page of a listing needs them. */
const LISTS_KEPT = 8;

/** Completed snapshots never change, so their lists of blocks need not be read for every page. */
function cachedBlocks(snapshots: DirectSnapshots): (snapshotId: string) => Promise<BlockRuns> {
  const kept = new Map<string, Promise<BlockRuns>>();
  return (snapshotId) => {
    const blocks = kept.get(snapshotId) ?? snapshots.blocks(snapshotId);
    kept.delete(snapshotId);
    kept.set(snapshotId, blocks);
    blocks.catch(() => kept.delete(snapshotId));
    const [oldest] = kept.keys();
    if (kept.size > LISTS_KEPT && oldest !== undefined) kept.delete(oldest);
    return blocks;
  };
}
