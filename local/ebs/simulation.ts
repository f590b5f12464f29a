import type { BlockRuns } from '../ec2/block-runs.ts';
import type { DirectSnapshots } from '../ec2/direct-snapshots.ts';
import type { RegionContext } from '../service.ts';
import type { BlockSlots } from './block-slots.ts';
import type { OpenSnapshots } from './open-snapshots.ts';
import type { QuotaSwitch } from './quotas.ts';

/** Everything the operations of the EBS direct APIs share. */
export interface EbsSimulation {
  readonly context: RegionContext;
  readonly snapshots: DirectSnapshots;
  readonly open: OpenSnapshots;
  readonly slots: BlockSlots;
  readonly quotas: QuotaSwitch;
  /** The blocks of a completed snapshot that were ever written. */
  blocksOf(snapshotId: string): Promise<BlockRuns>;
}
