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
import { DISK, RESTORE } from './payloads.ts';

// VM Import runs 20 import tasks at once in an account and Region (AWS General Reference, VM Import/Export quotas).
const DISKS_AT_ONCE = 20;
// 16 Lambdas move 1.2 GiB/s by Lambda's own 75 MiB/s; 20 disks of them leave room in a Region's 1,000 at once.
const BATCHES_AT_ONCE = 16;
// VM Import promises no speed; the largest disk it takes needs 32 MiB/s to be done by then.
const IMPORT_DEADLINE_SECONDS = 3 * 86_400;

/**
 * Strategy `upload`: in a bucket of the restore's own every disk becomes a RAW object, then a snapshot, then a volume.
 * What goes into an image stays an object.
 */
export function uploadDisks(scope: Construct, steps: Steps): IChainable {
  const body = uploadDisk(scope, steps).next(
    unlessForImage(scope, '', {
      otherwise: importDisk(scope, steps).next(createVolume(scope, steps, '')),
    }),
  );
  return steps
    .task(scope, 'CreateTemporaryBucket', 'create-temporary-bucket', { payload: RESTORE, result: 'discard' })
    .next(
      steps.task(scope, 'CreateZeroObject', 'create-zero-object', { payload: RESTORE, result: 'discard' }),
    )
    .next(eachDisk(scope, steps, { suffix: '', disksAtOnce: DISKS_AT_ONCE, body }));
}

function uploadDisk(scope: Construct, steps: Steps): Chain {
  const batches = new DistributedMap(scope, 'UploadBatches', {
    itemsPath: '$.upload.batches',
    itemSelector: {
      'restoreId.$': '$.restoreId',
      'attempt.$': '$.attempt',
      'diskId.$': '$.diskId',
      'uploadId.$': '$.upload.uploadId',
      'from.$': '$$.Map.Item.Value.from',
      'to.$': '$$.Map.Item.Value.to',
    },
    maxConcurrency: BATCHES_AT_ONCE,
    mapExecutionType: StateMachineType.STANDARD,
    resultPath: JsonPath.DISCARD,
  }).itemProcessor(
    steps
      .task(scope, 'UploadBatch', 'upload-batch', {
        payload: { ...DISK, 'uploadId.$': '$.uploadId', 'from.$': '$.from', 'to.$': '$.to' },
        result: 'discard',
        output: 'nothing',
      })
      .addCatch(noteFailure(scope, steps, 'OfBatch'), { resultPath: '$.failure' }),
  );
  return Chain.start(
    steps.task(scope, 'StartDiskUpload', 'start-disk-upload', { payload: DISK, result: '$.upload' }),
  )
    .next(batches)
    .next(
      steps.task(scope, 'CompleteDiskUpload', 'complete-disk-upload', {
        payload: { ...DISK, 'uploadId.$': '$.upload.uploadId' },
        result: 'discard',
      }),
    );
}

function importDisk(scope: Construct, steps: Steps): Chain {
  return Chain.start(
    steps.task(scope, 'ImportSnapshot', 'import-snapshot', {
      payload: DISK,
      result: '$.import',
      retry: ['quota'],
    }),
  ).next(
    poll(scope, steps, {
      check: 'check-import',
      at: '$.import',
      payload: { ...DISK, 'taskId.$': '$.import.taskId' },
      ready: ['completed'],
      waiting: ['pending', 'active', 'updating', 'validating', 'validated', 'converting', 'not-visible-yet'],
      // A failed import is never called that: its task is deleted, with the reason in its message.
      failed: ['deleting', 'deleted', 'error', 'cancelled', 'missing'],
      deadlineSeconds: IMPORT_DEADLINE_SECONDS,
      error: 'Import',
    }),
  );
}
