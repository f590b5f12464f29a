import {
  Chain,
  Choice,
  Condition,
  Fail,
  type IChainable,
  Map as InlineMap,
  Pass,
  type TaskStateBase,
} from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { poll } from '../constructs/poll.ts';
import type { Steps } from '../constructs/steps.ts';
import { DISK, RESTORE } from './payloads.ts';

/*
 * Events in the execution's history, of which Step Functions keeps 25,000. One look of a loop is 9 of them (Wait 2, Task 5,
 * Choice 2), one disk in a Map 7. At the very worst, with 60 disks, 7 days of writing and a replaced helper:
 *
 *   the data: each wait is a twentieth of what was waited, 5 to 600 seconds; 1,105 looks                   10,000
 *   ten other loops of this branch, each for its whole half hour at up to 30 seconds; 66 looks              6,000
 *   the ends of two helpers that hang, each for four hours at up to 2 minutes; 130 looks                    2,300
 *   three Maps, twice: 6 · 60 · 7                                                                           2,500
 *   attaching to the target, 60 · (7 + 2 · 9), and a dozen looks at each of the other branch's six loops    2,200
 *
 * Looks at volumes are one task, and one call, for all disks; in a loop for each disk they would be 60 times as many.
 */

// EC2 takes 5 attachments, detachments or volumes a second on end, 50 at first (EC2 API throttling).
const DISKS_AT_ONCE = 10;
const HALF_HOUR_SECONDS = 1_800;
// EC2 may keep an instance whose system or host hangs shutting down for hours.
const TERMINATION_DEADLINE_SECONDS = 4 * 3_600;
// For both helpers together: what writes for longer than that outlives the restore itself.
const DATA_DEADLINE_SECONDS = 7 * 86_400;
// Never reached on AWS, where a helper that has not reported counts as silent long before.
const FIRST_REPORT_DEADLINE_SECONDS = 4 * 3_600;

/** The helper at `$.helper`, in every loop that looks at it. */
const HELPER = {
  ...RESTORE,
  'instance.$': '$.helper.instance',
  'instanceId.$': '$.helper.instanceId',
} as const;

/**
 * Strategy `helper`: a temporary instance gets the empty volumes of all disks and writes them. A helper that is lost is
 * replaced once; the second one goes on with the same volumes where the first one ended.
 */
export function writeWithHelper(scope: Construct, steps: Steps): IChainable {
  const launch = steps.task(scope, 'LaunchHelper', 'launch-helper', {
    payload: { ...RESTORE, 'generation.$': '$.generation.number' },
    result: '$.helper',
    retry: ['capacity', 'launchQuota'],
  });
  const replaceable = new Choice(scope, 'HelperReplaceable');
  launch
    .next(createEmptyVolumes(scope, steps))
    .next(waitForHelper(scope, steps, replaceable))
    .next(attachToHelper(scope, steps, replaceable))
    .next(writeDisks(scope, steps, replaceable))
    .next(detachFromHelper(scope, steps))
    .next(retireHelper(scope, steps));
  replaceHelper(scope, steps, { replaceable, launch });
  return Chain.start(
    new Pass(scope, 'FirstHelper', {
      parameters: { number: 1, waitedSeconds: 0 },
      resultPath: '$.generation',
    }),
  )
    .next(steps.task(scope, 'IsolateHelper', 'isolate-helper', { payload: RESTORE, result: 'discard' }))
    .next(launch);
}

/** The volumes are made while the helper boots. */
function createEmptyVolumes(scope: Construct, steps: Steps): Chain {
  const create = forEachDisk(scope, 'CreateEmptyVolumes').itemProcessor(
    steps.task(scope, 'CreateEmptyVolume', 'create-empty-volume', {
      payload: DISK,
      result: '$',
      retry: ['capacity'],
    }),
  );
  return Chain.start(create).next(checkVolumes(scope, steps, { at: '$.volumes', error: 'EmptyVolume' }));
}

/** Up and reporting, before anything is attached to it: nothing of a restored disk may be probed, or booted from. */
function waitForHelper(scope: Construct, steps: Steps, replace: IChainable): Chain {
  return Chain.start(
    poll(scope, steps, {
      check: 'check-instance',
      suffix: 'OfHelper',
      at: '$.helper',
      payload: HELPER,
      ready: ['running'],
      waiting: ['pending', 'not-visible-yet'],
      failed: [],
      exit: { statuses: ['stopping', 'stopped', 'shutting-down', 'terminated', 'missing'], next: replace },
      deadlineSeconds: HALF_HOUR_SECONDS,
      error: 'HelperLaunch',
    }),
  ).next(
    poll(scope, steps, {
      check: 'check-helper',
      suffix: 'Up',
      at: '$.helper',
      payload: HELPER,
      ready: ['ready'],
      waiting: ['starting'],
      failed: ['working', 'done', 'failed'],
      exit: { statuses: ['silent', 'lost'], next: replace },
      deadlineSeconds: FIRST_REPORT_DEADLINE_SECONDS,
      error: 'HelperStart',
    }),
  );
}

function attachToHelper(scope: Construct, steps: Steps, replace: IChainable): Chain {
  // What is known of the helper now is what the look at its volumes has told.
  const lost = new Pass(scope, 'HelperLostWhileAttaching', {
    inputPath: '$.volumes',
    resultPath: '$.helper',
  });
  lost.next(replace);
  const attach = forEachDisk(scope, 'AttachAllToHelper').itemProcessor(
    steps.task(scope, 'AttachToHelper', 'attach-to-helper', {
      payload: { ...DISK, ...OF_HELPER },
      result: '$',
    }),
  );
  return Chain.start(attach).next(
    poll(scope, steps, {
      check: 'check-helper-attachments',
      at: '$.volumes',
      payload: HELPER,
      ready: ['attached'],
      waiting: ['attaching', 'not-visible-yet'],
      failed: ['detaching', 'detached', 'busy', 'missing'],
      exit: { statuses: ['lost'], next: lost },
      deadlineSeconds: HALF_HOUR_SECONDS,
      error: 'HelperAttachment',
    }),
  );
}

/** Orders, and then the helper's own reports: heartbeat and progress in one. */
function writeDisks(scope: Construct, steps: Steps, replace: IChainable): Chain {
  return Chain.start(
    steps.task(scope, 'OrderHelper', 'order-helper', {
      payload: {
        ...HELPER,
        'generation.$': '$.generation.number',
        'waitedSeconds.$': '$.generation.waitedSeconds',
      },
      result: '$.helper',
    }),
  ).next(
    poll(scope, steps, {
      check: 'check-helper',
      suffix: 'Done',
      at: '$.helper',
      payload: HELPER,
      ready: ['done'],
      // Until its next heartbeat it does not know of its orders.
      waiting: ['ready', 'working'],
      failed: ['starting', 'failed'],
      exit: { statuses: ['silent', 'lost'], next: replace },
      deadlineSeconds: DATA_DEADLINE_SECONDS,
      error: 'Writing',
    }),
  );
}

function detachFromHelper(scope: Construct, steps: Steps): Chain {
  const detach = forEachDisk(scope, 'DetachAllFromHelper').itemProcessor(
    steps.task(scope, 'DetachFromHelper', 'detach-from-helper', {
      payload: { ...DISK, ...OF_HELPER },
      result: '$',
    }),
  );
  return Chain.start(detach).next(
    checkVolumes(scope, steps, {
      suffix: 'Detached',
      at: '$.volumes',
      error: 'HelperDetachment',
      late: freeVolumes(scope, steps),
    }),
  );
}

/**
 * The disks are written, flushed and closed, but EC2 does not let go of one: the end of the helper frees it, and that is
 * better than to undo them.
 */
function freeVolumes(scope: Construct, steps: Steps): IChainable {
  return steps
    .task(scope, 'RetireHelperToFreeVolumes', 'retire-helper', {
      payload: { ...HELPER, because: 'lost' },
      result: '$.helper',
    })
    .next(checkVolumes(scope, steps, { suffix: 'LetGo', at: '$.helper', error: 'HelperDetachment' }));
}

/** The disks are written and detached: a helper that does not go is no reason to undo them. Clean-up tries again. */
function retireHelper(scope: Construct, steps: Steps): IChainable {
  const left = new Pass(scope, 'HelperLeftToCleanUp');
  return steps
    .task(scope, 'RetireHelper', 'retire-helper', { payload: HELPER, result: 'discard' })
    .addCatch(left, { resultPath: '$.retireFailure' });
}

/**
 * What becomes of a helper that is silent or gone: the first one is seen terminated and its volumes available, so that
 * it cannot write any more, before the second one is launched. After the second, the restore fails.
 */
function replaceHelper(
  scope: Construct,
  steps: Steps,
  { replaceable, launch }: { replaceable: Choice; launch: TaskStateBase },
): void {
  const secondHelper = new Pass(scope, 'SecondHelper', {
    parameters: { number: 2, 'waitedSeconds.$': '$.helper.poll.waitedSeconds' },
    resultPath: '$.generation',
  });
  secondHelper
    .next(
      steps.task(scope, 'RetireHelperToReplace', 'retire-helper', {
        payload: { ...HELPER, because: 'lost' },
        result: '$.helper',
      }),
    )
    .next(
      poll(scope, steps, {
        check: 'check-instance',
        suffix: 'OfHelperGone',
        at: '$.helper',
        payload: HELPER,
        ready: ['terminated', 'missing'],
        waiting: ['pending', 'running', 'stopping', 'stopped', 'shutting-down', 'not-visible-yet'],
        failed: [],
        deadlineSeconds: TERMINATION_DEADLINE_SECONDS,
        error: 'HelperTermination',
      }),
    )
    .next(checkVolumes(scope, steps, { suffix: 'Freed', at: '$.helper', error: 'HelperDetachment' }))
    .next(launch);
  const fail = (error: string): Fail => new Fail(scope, error, { error, causePath: '$.helper.message' });
  replaceable
    .when(Condition.numberEquals('$.generation.number', 1), secondHelper)
    .when(Condition.stringEquals('$.helper.status', 'silent'), fail('HelperSilent'))
    .otherwise(fail('HelperLost'));
}

/** All volumes of the restore at once, until every one is available: new, detached, or let go by a helper that ended. */
function checkVolumes(
  scope: Construct,
  steps: Steps,
  {
    suffix,
    at,
    error,
    late,
  }: {
    suffix?: 'Detached' | 'Freed' | 'LetGo';
    at: `$.${string}`;
    error: string;
    late?: IChainable;
  },
): Chain {
  const isNew = suffix === undefined;
  return poll(scope, steps, {
    check: 'check-volumes',
    ...(suffix === undefined ? {} : { suffix }),
    at,
    payload: RESTORE,
    ready: ['available'],
    waiting: ['creating', 'not-visible-yet', ...(isNew ? [] : ['in-use'])],
    failed: ['error', 'deleting', 'deleted', 'missing', ...(isNew ? ['in-use'] : [])],
    deadlineSeconds: suffix === 'LetGo' ? TERMINATION_DEADLINE_SECONDS : HALF_HOUR_SECONDS,
    error,
    ...(late === undefined ? {} : { late }),
  });
}

/** The helper inside the Maps over the disks. */
const OF_HELPER = { 'instance.$': '$.instance', 'instanceId.$': '$.instanceId' } as const;

/** The change that is asked for each disk; the loop behind it, for all disks, begins as the first disk's answer says. */
function forEachDisk(scope: Construct, id: string): InlineMap {
  return new InlineMap(scope, id, {
    itemsPath: '$.restore.disks',
    itemSelector: {
      'restoreId.$': '$.restore.restoreId',
      'attempt.$': '$.restore.attempt',
      'instance.$': '$.helper.instance',
      'instanceId.$': '$.helper.instanceId',
      'diskId.$': '$$.Map.Item.Value.diskId',
    },
    maxConcurrency: DISKS_AT_ONCE,
    resultSelector: { 'poll.$': '$[0].poll' },
    resultPath: '$.volumes',
  });
}
