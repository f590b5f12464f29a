import {
  Chain,
  Choice,
  Condition,
  DistributedMap,
  Fail,
  type IChainable,
  JsonPath,
  Pass,
  StateMachineType,
} from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { attempt } from '../constructs/attempt.ts';
import { poll } from '../constructs/poll.ts';
import type { Steps } from '../constructs/steps.ts';
import { DISK } from './payloads.ts';

export interface EachDiskOptions {
  /** In the names of states; one of the strategies has none. */
  readonly suffix: '' | 'Directly' | 'OfHelper' | 'OfImage';
  /** Which of them, in `$.restore`; default: all. */
  readonly disks?: 'disks' | 'imageDisks';
  readonly disksAtOnce: number;
  /** What is done with one disk: its id is at `$.diskId`, and at `$.becomes` whether a `volume` or part of an `image` is made of it. */
  readonly body: IChainable;
}

/** Disks of a restore, side by side, each in an execution of its own. */
export function eachDisk(
  scope: Construct,
  steps: Steps,
  { suffix, disks = 'disks', disksAtOnce, body }: EachDiskOptions,
): DistributedMap {
  const map = new DistributedMap(scope, `RestoreDisks${suffix}`, {
    itemsPath: `$.restore.${disks}`,
    itemSelector: {
      'restoreId.$': '$.restore.restoreId',
      'attempt.$': '$.restore.attempt',
      'diskId.$': '$$.Map.Item.Value.diskId',
      'becomes.$': '$$.Map.Item.Value.becomes',
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

/** The end of a disk's way where VM Import makes an image of it together with others; else the way goes on. */
export function unlessForImage(
  scope: Construct,
  suffix: EachDiskOptions['suffix'],
  { otherwise }: { otherwise: IChainable },
): IChainable {
  return new Choice(scope, `DiskForImage${suffix}`)
    .when(Condition.stringEquals('$.becomes', 'image'), new Pass(scope, `DiskLeftToImage${suffix}`))
    .otherwise(otherwise);
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
