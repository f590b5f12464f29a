import {
  Chain,
  DistributedMap,
  type IChainable,
  JsonPath,
  StateMachineType,
} from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { poll } from '../constructs/poll.ts';
import type { Steps } from '../constructs/steps.ts';
import { createVolume, eachDisk, noteFailure, unlessForImage } from './each-disk.ts';
import { DISK } from './payloads.ts';

// Each holds one of the 100 snapshots that an account may have pending (EBS User Guide, quotas for Amazon EBS).
const DISKS_AT_ONCE = 20;
// AWS says nothing about how long it takes to seal a snapshot; others see it done within a minute.
const SEALING_DEADLINE_SECONDS = 14_400;

/** Strategy `direct`: Lambdas write every disk's blocks straight into a snapshot, which becomes a volume or goes into an image. */
export function writeSnapshots(scope: Construct, steps: Steps): IChainable {
  const body = writeSnapshot(scope, steps)
    .next(completeSnapshot(scope, steps))
    .next(unlessForImage(scope, 'Directly', { otherwise: createVolume(scope, steps, 'Directly') }));
  return eachDisk(scope, steps, { suffix: 'Directly', disksAtOnce: DISKS_AT_ONCE, body });
}

function writeSnapshot(scope: Construct, steps: Steps): Chain {
  const batches = new DistributedMap(scope, 'WriteSnapshotBatches', {
    itemsPath: '$.snapshot.batches',
    itemSelector: {
      'restoreId.$': '$.restoreId',
      'attempt.$': '$.attempt',
      'diskId.$': '$.diskId',
      'snapshotId.$': '$.snapshot.snapshotId',
      'from.$': '$$.Map.Item.Value.from',
      'to.$': '$$.Map.Item.Value.to',
    },
    // As many as the limits of snapshot and account have work for.
    maxConcurrencyPath: '$.snapshot.workers',
    mapExecutionType: StateMachineType.STANDARD,
    resultPath: JsonPath.DISCARD,
  }).itemProcessor(
    steps
      .task(scope, 'WriteSnapshotBatch', 'write-snapshot-batch', {
        payload: { ...DISK, 'snapshotId.$': '$.snapshotId', 'from.$': '$.from', 'to.$': '$.to' },
        result: 'discard',
        output: 'nothing',
        retry: ['unfinished'],
      })
      .addCatch(noteFailure(scope, steps, 'OfSnapshotBatch'), { resultPath: '$.failure' }),
  );
  return Chain.start(
    steps.task(scope, 'StartDirectSnapshot', 'start-direct-snapshot', {
      payload: DISK,
      result: '$.snapshot',
      retry: ['quota'],
    }),
  ).next(batches);
}

function completeSnapshot(scope: Construct, steps: Steps): Chain {
  const payload = { ...DISK, 'snapshotId.$': '$.snapshot.snapshotId' };
  return Chain.start(
    steps.task(scope, 'CompleteDirectSnapshot', 'complete-direct-snapshot', {
      payload,
      result: '$.snapshot',
    }),
  ).next(
    poll(scope, steps, {
      check: 'check-snapshot',
      suffix: 'OfDisk',
      at: '$.snapshot',
      payload: {
        'restoreId.$': '$.restoreId',
        'attempt.$': '$.attempt',
        'snapshot.$': '$.snapshot.name',
        'snapshotId.$': '$.snapshot.snapshotId',
      },
      ready: ['completed'],
      waiting: ['pending', 'not-visible-yet'],
      failed: ['error', 'recoverable', 'recovering', 'missing'],
      deadlineSeconds: SEALING_DEADLINE_SECONDS,
      error: 'Snapshot',
    }),
  );
}
