import type { IChainable } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import type { Steps } from '../constructs/steps.ts';
import { EXECUTION } from './payloads.ts';

/**
 * What a restore would do, with the same input as the restore: the same step as there, which only reads. The machine's
 * output is the report, whatever is wrong with the request.
 */
export function planWorkflow(scope: Construct, steps: Steps): IChainable {
  return steps.task(scope, 'PlanRestore', 'plan-restore', {
    payload: {
      ...EXECUTION,
      'startedAt.$': '$$.Execution.StartTime',
      'request.$': '$$.Execution.Input',
      dryRun: true,
    },
    result: '$',
  });
}
