import { Chain, Choice, Condition, type IChainable } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { poll } from '../constructs/poll.ts';
import type { Steps } from '../constructs/steps.ts';
import { RESTORE } from './payloads.ts';

/**
 * The target, up to the point where it waits, stopped and without a root, for the restored disks: stopped first,
 * so that the restored system never boots before all its disks are there.
 */
export function prepareTarget(scope: Construct, steps: Steps): IChainable {
  const launch = launchTarget(scope, steps)
    .next(steps.task(scope, 'ConfigureTarget', 'configure-target', { payload: RESTORE, result: 'discard' }))
    .next(takeRootAway(scope, steps));
  return steps
    .task(scope, 'IsolateTarget', 'isolate-target', { payload: RESTORE, result: 'discard' })
    .next(
      new Choice(scope, 'LaunchImageNeeded')
        .when(
          Condition.stringEquals('$.restore.launchImage', 'blank'),
          registerLaunchImage(scope, steps).next(launch),
        )
        .otherwise(launch),
    );
}

/** RunInstances needs an image: an empty volume, its snapshot, and an image with the source's attributes over it. */
function registerLaunchImage(scope: Construct, steps: Steps): Chain {
  return Chain.start(
    steps.task(scope, 'CreateLaunchVolume', 'create-launch-volume', {
      payload: RESTORE,
      result: '$.launchVolume',
      retry: ['capacity'],
    }),
  )
    .next(
      poll(scope, steps, {
        check: 'check-volume',
        suffix: 'OfLaunchImage',
        at: '$.launchVolume',
        payload: { ...RESTORE, volume: 'launch', 'volumeId.$': '$.launchVolume.volumeId' },
        ready: ['available'],
        waiting: ['creating', 'not-visible-yet'],
        failed: ['error', 'in-use', 'deleting', 'deleted', 'missing'],
        deadlineSeconds: 1_800,
        error: 'LaunchVolume',
      }),
    )
    .next(
      steps.task(scope, 'CreateLaunchSnapshot', 'create-launch-snapshot', {
        payload: RESTORE,
        result: '$.launchSnapshot',
        retry: ['quota'],
      }),
    )
    .next(
      poll(scope, steps, {
        check: 'check-snapshot',
        at: '$.launchSnapshot',
        payload: { ...RESTORE, snapshot: 'launch', 'snapshotId.$': '$.launchSnapshot.snapshotId' },
        ready: ['completed'],
        waiting: ['pending', 'not-visible-yet'],
        failed: ['error', 'recoverable', 'recovering', 'missing'],
        deadlineSeconds: 3_600,
        error: 'LaunchSnapshot',
      }),
    )
    .next(
      steps.task(scope, 'RegisterLaunchImage', 'register-launch-image', {
        payload: RESTORE,
        result: '$.launchImage',
      }),
    )
    .next(
      poll(scope, steps, {
        check: 'check-image',
        at: '$.launchImage',
        payload: { ...RESTORE, 'imageId.$': '$.launchImage.imageId' },
        ready: ['available'],
        waiting: ['pending', 'transient', 'not-visible-yet'],
        failed: ['invalid', 'deregistered', 'failed', 'error', 'disabled', 'missing'],
        deadlineSeconds: 1_800,
        error: 'LaunchImage',
      }),
    );
}

function launchTarget(scope: Construct, steps: Steps): Chain {
  const payload = { ...RESTORE, instance: 'target', 'instanceId.$': '$.target.instanceId' };
  return Chain.start(
    steps.task(scope, 'LaunchTarget', 'launch-target', {
      payload: RESTORE,
      result: '$.target',
      retry: ['capacity', 'launchQuota'],
    }),
  )
    .next(
      poll(scope, steps, {
        check: 'check-instance',
        suffix: 'Launched',
        at: '$.target',
        payload,
        ready: ['running'],
        waiting: ['pending', 'not-visible-yet'],
        failed: ['stopping', 'stopped', 'shutting-down', 'terminated', 'missing'],
        deadlineSeconds: 1_800,
        error: 'Launch',
      }),
    )
    .next(steps.task(scope, 'StopTarget', 'stop-target', { payload: RESTORE, result: '$.target' }))
    .next(
      poll(scope, steps, {
        check: 'check-instance',
        suffix: 'Stopped',
        at: '$.target',
        payload,
        ready: ['stopped'],
        waiting: ['stopping', 'running', 'not-visible-yet'],
        failed: ['pending', 'shutting-down', 'terminated', 'missing'],
        deadlineSeconds: 1_800,
        error: 'Stop',
      }),
    );
}

function takeRootAway(scope: Construct, steps: Steps): Chain {
  return Chain.start(
    steps.task(scope, 'DetachPlaceholderRoot', 'detach-placeholder-root', {
      payload: RESTORE,
      result: '$.placeholder',
    }),
  ).next(
    poll(scope, steps, {
      check: 'check-volume',
      suffix: 'OfPlaceholderRoot',
      at: '$.placeholder',
      payload: { ...RESTORE, volume: 'placeholder-root', 'volumeId.$': '$.placeholder.volumeId' },
      ready: ['available'],
      waiting: ['in-use', 'not-visible-yet'],
      failed: ['creating', 'error', 'deleting', 'deleted', 'missing'],
      deadlineSeconds: 1_800,
      error: 'Detachment',
    }),
  );
}
