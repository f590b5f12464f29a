import {
  Chain,
  DistributedMap,
  Fail,
  type IChainable,
  JsonPath,
  StateMachineType,
} from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { attempt } from '../constructs/attempt.ts';
import { poll } from '../constructs/poll.ts';
import type { Steps } from '../constructs/steps.ts';
import { DISK } from './payloads.ts';

export interface EachDiskOptions {
  /** In the names of states; one of the strategies has none. */
  readonly suffix: '' | 'Directly';
  readonly disksAtOnce: number;
  /** What is done with one disk, whose id is at `$.diskId`. */
  readonly body: IChainable;
}

/** All disks of a restore, side by side, each in an execution of its own. */
export function eachDisk(
  scope: Construct,
  steps: Steps,
  { suffix, disksAtOnce, body }: EachDiskOptions,
): DistributedMap {
  const map = new DistributedMap(scope, `RestoreDisks${suffix}`, {
    itemsPath: '$.restore.disks',
    itemSelector: {
      'restoreId.$': '$.restore.restoreId',
      'attempt.$': '$.restore.attempt',
      'diskId.$': '$$.Map.Item.Value.diskId',
    },
    maxConcurrency: disksAtOnce,
    mapExecutionType: StateMachineType.STANDARD,
    resultPath: JsonPath.DISCARD,
  });
  return map.itemProcessor(
    attempt(scope, `RestoreDisk${suffix}`, {
      body,
      output: 'keep',
      onFailure: noteFailure(scope, steps, `OfDisk${suffix}`),
      failureAt: '$.failure',
    }),
  );
}

/** A disk's volume from its snapshot, in the target's zone. */
export function createVolume(scope: Construct, steps: Steps, suffix: EachDiskOptions['suffix']): Chain {
  return Chain.start(
    steps.task(scope, `CreateVolume${suffix}`, 'create-volume', {
      payload: DISK,
      result: '$.volume',
      retry: ['capacity'],
    }),
  ).next(
    poll(scope, steps, {
      check: 'check-volume',
      suffix,
      at: '$.volume',
      payload: {
        'restoreId.$': '$.restoreId',
        'attempt.$': '$.attempt',
        'volume.$': '$.diskId',
        'volumeId.$': '$.volume.volumeId',
      },
      ready: ['available'],
      waiting: ['creating', 'not-visible-yet'],
      failed: ['error', 'in-use', 'deleting', 'deleted', 'missing'],
      // Minutes on AWS; the local region really copies the bytes, in its own, faster time.
      deadlineSeconds: 7_200,
      error: 'Volume',
    }),
  );
}

/** A child of a distributed Map keeps its failure in the record, since its parent is not told of it; then it fails. */
export function noteFailure(scope: Construct, steps: Steps, suffix: string): IChainable {
  return steps
    .task(scope, `NoteFailure${suffix}`, 'note-failure', {
      payload: { ...DISK, 'failure.$': '$.failure' },
      result: '$.failure',
    })
    .next(new Fail(scope, `Fail${suffix}`, { errorPath: '$.failure.Error', causePath: '$.failure.Cause' }));
}
