import { Chain, Choice, Condition, type IChainable, Pass, Result } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { poll } from '../constructs/poll.ts';
import type { Steps } from '../constructs/steps.ts';
import { createVolume, eachDisk } from './each-disk.ts';
import { DISK, RESTORE } from './payloads.ts';

const DISKS_AT_ONCE = 20;
// EBS promises no speed; a full 8 TiB at a tenth of what is seen of it.
const SNAPSHOT_DEADLINE_SECONDS = 2 * 86_400;
// VM Import promises none either, and takes up to 21 disks of 8 TiB. With waits that grow to half an hour these are 360
// looks at most, 3,300 events: room for them beside a helper's 20,700 (write-with-helper.ts) in a history of 25,000.
const IMPORT_DEADLINE_SECONDS = 5 * 86_400;

/**
 * VM Import makes an image of all disks of a machine from elsewhere together, one that boots on EC2: of the RAW objects or
 * snapshots that the strategy ends with, of the helper's volumes by way of snapshots.
 */
export function importMachine(scope: Construct, steps: Steps): Chain {
  const start = new Choice(scope, 'VolumesToSnapshot');
  const importImage = steps.task(scope, 'ImportImage', 'import-image', {
    payload: RESTORE,
    result: '$.import',
    retry: ['quota'],
  });
  const imported = new Pass(scope, 'MachineImported', {
    result: Result.fromString('imported'),
    resultPath: '$.restore.conversion',
  });
  importImage
    .next(
      poll(scope, steps, {
        check: 'check-import-image',
        at: '$.import',
        payload: { ...RESTORE, 'taskId.$': '$.import.taskId' },
        ready: ['completed'],
        waiting: [
          'pending',
          'active',
          'updating',
          'validating',
          'validated',
          'converting',
          'not-visible-yet',
        ],
        // A failed import is never called that: its task is deleted, with the reason in its message.
        failed: ['deleting', 'deleted', 'error', 'cancelled', 'missing'],
        deadlineSeconds: IMPORT_DEADLINE_SECONDS,
        error: 'ImportImage',
      }),
    )
    .next(imported);
  start
    .when(
      Condition.stringEquals('$.restore.strategy', 'helper'),
      snapshotDisks(scope, steps).next(importImage),
    )
    .otherwise(importImage);
  return Chain.custom(start, [imported], imported);
}

/** The disks' own volumes, from the image's snapshots: pristine, whatever the target does with those it is launched with. */
export function volumesOfImage(scope: Construct, steps: Steps): IChainable {
  return eachDisk(scope, steps, {
    suffix: 'OfImage',
    disks: 'imageDisks',
    disksAtOnce: DISKS_AT_ONCE,
    body: createVolume(scope, steps, 'OfImage'),
  });
}

function snapshotDisks(scope: Construct, steps: Steps): Chain {
  const body = Chain.start(
    steps.task(scope, 'CreateDiskSnapshot', 'create-disk-snapshot', {
      payload: DISK,
      result: '$.snapshot',
      retry: ['quota'],
    }),
  ).next(
    poll(scope, steps, {
      check: 'check-snapshot',
      suffix: 'OfHelper',
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
      deadlineSeconds: SNAPSHOT_DEADLINE_SECONDS,
      error: 'Snapshot',
    }),
  );
  return Chain.start(
    eachDisk(scope, steps, { suffix: 'OfHelper', disks: 'imageDisks', disksAtOnce: DISKS_AT_ONCE, body }),
  );
}
