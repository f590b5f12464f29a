import { type Chain, Map as InlineMap, JsonPath } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { poll } from '../constructs/poll.ts';
import type { Steps } from '../constructs/steps.ts';
import { DISK, RESTORE } from './payloads.ts';

/**
 * Stops the instance that was backed up, in the orderly way, and takes the volumes from it that the restored ones
 * replace. This comes late: until the disks are ashore it runs on.
 */
export function emptyOriginal(scope: Construct, steps: Steps): Chain {
  return steps
    .task(scope, 'StopOriginal', 'stop-original', { payload: RESTORE, result: '$.original' })
    .next(
      poll(scope, steps, {
        check: 'check-instance',
        suffix: 'OfOriginal',
        at: '$.original',
        payload: { ...RESTORE, instance: 'original', 'instanceId.$': '$.original.instanceId' },
        ready: ['stopped'],
        waiting: ['stopping', 'running', 'not-visible-yet'],
        failed: ['pending', 'shutting-down', 'terminated', 'missing'],
        // Its system may have much to write before it ends.
        deadlineSeconds: 3_600,
        error: 'StopOfOriginal',
      }),
    )
    .next(detachVolumes(scope, steps));
}

function detachVolumes(scope: Construct, steps: Steps): InlineMap {
  const map = new InlineMap(scope, 'DetachOriginalVolumes', {
    itemsPath: '$.restore.replacedDisks',
    itemSelector: {
      'restoreId.$': '$.restore.restoreId',
      'attempt.$': '$.restore.attempt',
      'diskId.$': '$$.Map.Item.Value.diskId',
    },
    maxConcurrency: 10,
    resultPath: JsonPath.DISCARD,
  });
  return map.itemProcessor(
    steps
      .task(scope, 'DetachOriginalVolume', 'detach-original-volume', { payload: DISK, result: '$.detached' })
      .next(
        poll(scope, steps, {
          check: 'check-volume',
          suffix: 'OfOriginal',
          at: '$.detached',
          payload: {
            'restoreId.$': '$.restoreId',
            'attempt.$': '$.attempt',
            volume: 'replaced',
            'volumeId.$': '$.detached.volumeId',
          },
          ready: ['available'],
          waiting: ['in-use', 'not-visible-yet'],
          failed: ['creating', 'error', 'deleting', 'deleted', 'missing'],
          deadlineSeconds: 1_800,
          error: 'DetachmentOfOriginal',
        }),
      ),
  );
}
