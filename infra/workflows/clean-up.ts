import { Choice, Condition, Fail, type IChainable, Succeed } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { attempt } from '../constructs/attempt.ts';
import { poll } from '../constructs/poll.ts';
import type { StepOptions, Steps } from '../constructs/steps.ts';

export interface CleanUpOptions {
  /** How begin-clean-up and conclude-restore learn which execution ended, and how. */
  readonly ended: StepOptions['payload'];
  /** Where to go when there is nothing to remove; default: to the conclusion, as after removing. */
  readonly whenNothing?: IChainable;
  /** What follows the conclusion, whose result is the state. */
  readonly afterwards: IChainable;
}

// An import that is being cancelled is what clean-up may have to wait for longest.
const DEADLINE_SECONDS = 4 * 3_600;

/**
 * The way every restore ends, and the heart of the clean-up machine: close the restore to further making, remove
 * what is temporary, write the result.
 */
export function cleanUp(scope: Construct, steps: Steps, options: CleanUpOptions): IChainable {
  const payload = { ...options.ended, 'state.$': '$' };
  const conclude = steps.task(scope, 'ConcludeRestore', 'conclude-restore', { payload, result: '$' });
  conclude.next(options.afterwards);
  const remove = attempt(scope, 'RemoveTemporaries', {
    body: poll(scope, steps, {
      check: 'clean-up',
      at: '$.cleanUp',
      payload: {
        'restoreId.$': '$.cleanUp.restoreId',
        'attempt.$': '$.cleanUp.attempt',
        'work.$': '$.cleanUp.work',
      },
      ready: ['removed'],
      waiting: ['removing'],
      failed: [],
      deadlineSeconds: DEADLINE_SECONDS,
      error: 'CleanUp',
    }),
    output: 'keep',
    onFailure: conclude,
    failureAt: '$.cleanUpFailure',
  });
  remove.next(conclude);
  return steps.task(scope, 'BeginCleanUp', 'begin-clean-up', { payload, result: '$.cleanUp' }).next(
    new Choice(scope, 'TemporariesToRemove')
      .when(Condition.stringEquals('$.cleanUp.work', 'none'), options.whenNothing ?? conclude)
      // All that is temporary, or with `keep` the helpers alone: they cost, and are of no use to anybody.
      .otherwise(remove),
  );
}

/** The end of the restore machine: FAILED ends FAILED, with the original error. */
export function restoreOutcome(scope: Construct): IChainable {
  return new Choice(scope, 'RestoreOutcome')
    .when(Condition.stringEquals('$.outcome', 'restored'), new Succeed(scope, 'Restored'))
    .otherwise(new Fail(scope, 'FailRestore', { errorPath: '$.error.name', causePath: '$.error.cause' }));
}

/**
 * The clean-up machine: an execution that was stopped, timed out or broke off runs no state of its own any more, so
 * EventBridge starts this one with the event of its end.
 */
export function cleanUpWorkflow(scope: Construct, steps: Steps): IChainable {
  return cleanUp(scope, steps, {
    ended: {
      'executionArn.$': '$.detail.executionArn',
      'executionName.$': '$.detail.name',
      'request.$': '$.detail.input',
      'endedAs.$': '$.detail.status',
    },
    whenNothing: new Succeed(scope, 'NothingToCleanUp'),
    afterwards: new Choice(scope, 'CleanUpComplete')
      .when(
        Condition.isPresent('$.cleanUpProblem'),
        new Fail(scope, 'FailCleanUp', { error: 'CleanUpIncomplete', causePath: '$.cleanUpProblem' }),
      )
      .otherwise(new Succeed(scope, 'CleanedUp')),
  });
}
