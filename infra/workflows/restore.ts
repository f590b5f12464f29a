import {
  Chain,
  Choice,
  Condition,
  Fail,
  type IChainable,
  Map as InlineMap,
  JsonPath,
  Parallel,
  Pass,
} from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { attempt } from '../constructs/attempt.ts';
import { poll } from '../constructs/poll.ts';
import type { Steps } from '../constructs/steps.ts';
import { cleanUp, restoreOutcome } from './clean-up.ts';
import { importMachine, volumesOfImage } from './import-machine.ts';
import { emptyOriginal } from './original.ts';
import { DISK, EXECUTION, RESTORE } from './payloads.ts';
import { prepareTarget } from './prepare-target.ts';
import { uploadDisks } from './upload-disks.ts';
import { writeSnapshots } from './write-snapshots.ts';
import { writeWithHelper } from './write-with-helper.ts';

/**
 * The restore, top to bottom. Everything up to hand-over is one attempt: whatever fails in it is undone, and the
 * restore fails with the original error. After hand-over nothing of the result is undone any more.
 */
export function restoreWorkflow(scope: Construct, steps: Steps): IChainable {
  const failed = new Pass(scope, 'RestoreFailed', { parameters: { 'failure.$': '$' } });

  const restore = attempt(scope, 'Restore', {
    body: Chain.start(planRestore(scope, steps)).next(comeAshore(scope, steps)).next(together(scope, steps)),
    output: { 'restore.$': '$[0].restore' },
    onFailure: failed,
    failureAt: '$',
  });

  const conclude = cleanUp(scope, steps, {
    ended: { ...EXECUTION, 'request.$': '$$.Execution.Input' },
    afterwards: restoreOutcome(scope),
  });
  failed.next(conclude);

  const start = attempt(scope, 'Start', {
    body: startTarget(scope, steps),
    output: 'keep',
    onFailure: conclude,
    failureAt: '$.startFailure',
  });
  start.next(conclude);

  return restore.next(
    new Choice(scope, 'PowerOnAsked')
      .when(Condition.booleanEquals('$.restore.powerOn', true), start)
      .otherwise(conclude),
  );
}

function planRestore(scope: Construct, steps: Steps): IChainable {
  return steps.task(scope, 'PlanRestore', 'plan-restore', {
    payload: { ...EXECUTION, 'startedAt.$': '$$.Execution.StartTime', 'request.$': '$$.Execution.Input' },
    resultSelector: { 'restore.$': '$' },
    result: '$',
  });
}

/**
 * The disks come ashore while the target is launched and stopped: a missing permission or capacity shows within
 * minutes, not after hours of copying, and the target waits for its disks, not the other way round. A machine from
 * elsewhere comes by here twice: with its disks, of which VM Import makes an image; then with the image, of which
 * volumes and target are made.
 */
function comeAshore(scope: Construct, steps: Steps): Chain {
  const disksAndTarget = new Parallel(scope, 'DisksAndTarget', { resultPath: JsonPath.DISCARD })
    .branch(disks(scope, steps))
    .branch(target(scope, steps));
  const ashore = new Pass(scope, 'Ashore');
  disksAndTarget.next(
    new Choice(scope, 'ImportNeeded')
      .when(isConversion('import'), importMachine(scope, steps).next(disksAndTarget))
      .otherwise(ashore),
  );
  return Chain.custom(disksAndTarget, [ashore], ashore);
}

/** `none`, `import`, and `imported` when that is done. */
const isConversion = (value: string): Condition => Condition.stringEquals('$.restore.conversion', value);

/** Ends with a volume for every disk, available in the target's zone, but for those that go into an image. */
function disks(scope: Construct, steps: Steps): IChainable {
  return new Choice(scope, 'StrategyChosen')
    .when(isConversion('imported'), volumesOfImage(scope, steps))
    .when(Condition.stringEquals('$.restore.strategy', 'upload'), uploadDisks(scope, steps))
    .when(Condition.stringEquals('$.restore.strategy', 'helper'), writeWithHelper(scope, steps))
    .when(Condition.stringEquals('$.restore.strategy', 'direct'), writeSnapshots(scope, steps))
    .otherwise(
      new Fail(scope, 'StrategyUnknown', { error: 'StrategyUnknown', causePath: '$.restore.strategy' }),
    );
}

/**
 * A target that is launched from the imported image has to wait for it; volumes alone need none, and the original is
 * there: borrowing it shows early whether that is allowed.
 */
function target(scope: Construct, steps: Steps): IChainable {
  return new Choice(scope, 'ImageToCome')
    .when(isConversion('import'), new Pass(scope, 'TargetAfterImport'))
    .when(Condition.stringEquals('$.restore.restoreTo', 'volumes'), new Pass(scope, 'NoTarget'))
    .when(
      Condition.stringEquals('$.restore.restoreTo', 'original'),
      steps.task(scope, 'ClaimOriginal', 'claim-original', { payload: RESTORE, result: 'discard' }),
    )
    .otherwise(prepareTarget(scope, steps));
}

/** What the volumes come to: the disks of the target or of the original instance, or results by themselves. */
function together(scope: Construct, steps: Steps): IChainable {
  const handOver = steps.task(scope, 'HandOver', 'hand-over', { payload: RESTORE, result: 'discard' });
  const lifetimes = steps.task(scope, 'SetVolumeLifetimes', 'set-volume-lifetimes', {
    payload: RESTORE,
    result: 'discard',
  });
  const attach = attachVolumes(scope, steps).next(lifetimes).next(handOver);
  return new Choice(scope, 'AttachNeeded')
    .when(Condition.stringEquals('$.restore.restoreTo', 'volumes'), handOver)
    .when(Condition.stringEquals('$.restore.restoreTo', 'original'), emptyOriginal(scope, steps).next(attach))
    .otherwise(attach);
}

function attachVolumes(scope: Construct, steps: Steps): Chain {
  const map = new InlineMap(scope, 'AttachVolumes', {
    itemsPath: '$.restore.disks',
    itemSelector: {
      'restoreId.$': '$.restore.restoreId',
      'attempt.$': '$.restore.attempt',
      'diskId.$': '$$.Map.Item.Value.diskId',
    },
    maxConcurrency: 10,
    resultPath: JsonPath.DISCARD,
  });
  return Chain.start(
    map.itemProcessor(
      steps.task(scope, 'AttachVolume', 'attach-volume', { payload: DISK, result: '$.attachment' }).next(
        poll(scope, steps, {
          check: 'check-attachment',
          at: '$.attachment',
          payload: { ...DISK, 'volumeId.$': '$.attachment.volumeId' },
          ready: ['attached'],
          waiting: ['attaching', 'not-visible-yet'],
          failed: ['detaching', 'detached', 'busy', 'missing'],
          deadlineSeconds: 1_800,
          error: 'Attachment',
        }),
      ),
    ),
  );
}

function startTarget(scope: Construct, steps: Steps): IChainable {
  const payload = { ...RESTORE, 'instanceId.$': '$.start.instanceId' };
  return steps
    .task(scope, 'StartTarget', 'start-target', {
      payload: RESTORE,
      result: '$.start',
      retry: ['capacity', 'launchQuota'],
    })
    .next(
      poll(scope, steps, {
        check: 'check-instance',
        suffix: 'Started',
        at: '$.start',
        payload: { ...payload, instance: 'target' },
        ready: ['running'],
        // Right after the call EC2 may still say stopped.
        waiting: ['pending', 'stopped', 'not-visible-yet'],
        failed: ['stopping', 'shutting-down', 'terminated', 'missing'],
        deadlineSeconds: 1_800,
        error: 'Start',
      }),
    )
    .next(
      poll(scope, steps, {
        check: 'check-status',
        at: '$.start',
        payload,
        ready: ['ok'],
        // Impaired is what a slow boot looks like at first: only the deadline tells.
        waiting: [
          'initializing',
          'insufficient-data',
          'not-applicable',
          'impaired',
          'pending',
          'not-visible-yet',
        ],
        failed: ['stopping', 'stopped', 'shutting-down', 'terminated', 'missing'],
        deadlineSeconds: 3_600,
        error: 'StatusChecks',
      }),
    );
}
