import type { RegionContext } from '../service.ts';
import type { ExecutionRecord } from './execution-record.ts';

/** Input and output that together are larger are left out of the event, as on AWS (248 KiB). */
const EVENT_DATA_BYTES = 248 * 1024;

/**
 * Publishes `Step Functions Execution Status Change` in AWS's shape.
 * https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
 */
export function publishStatusChange(context: RegionContext, record: ExecutionRecord): void {
  const { input, output } = record;
  const bytes = Buffer.byteLength(input) + Buffer.byteLength(output ?? '');
  const included = bytes <= EVENT_DATA_BYTES;
  context.publish({
    source: 'aws.states',
    detailType: 'Step Functions Execution Status Change',
    resources: [record.arn],
    detail: {
      executionArn: record.arn,
      stateMachineArn: record.machineArn,
      name: record.name,
      status: record.status,
      startDate: record.startedMs,
      stopDate: record.endedMs ?? null,
      input: included ? input : null,
      output: included ? (output ?? null) : null,
      stateMachineVersionArn: null,
      stateMachineAliasArn: null,
      redriveCount: 0,
      redriveDate: null,
      redriveStatus:
        record.status === 'RUNNING' || record.status === 'SUCCEEDED' ? 'NOT_REDRIVABLE' : 'REDRIVABLE',
      redriveStatusReason: redriveReason(record.status) ?? null,
      inputDetails: { included },
      outputDetails: output === undefined ? null : { included },
      error: record.error ?? null,
      cause: record.cause ?? null,
    },
  });
}

/** Why AWS would not redrive an execution in this status; undefined where it would. */
export function redriveReason(status: ExecutionRecord['status']): string | undefined {
  if (status === 'RUNNING') return 'Execution is RUNNING and cannot be redriven';
  if (status === 'SUCCEEDED') return 'Execution is SUCCEEDED and cannot be redriven';
  return undefined;
}
