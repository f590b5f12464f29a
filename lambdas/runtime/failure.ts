import { z } from 'zod';
import { failureKey, failureSchema } from '../../core/model/restore-record.ts';
import { RecordChanged, readRecord, writeRecord } from './control-bucket.ts';
import type { RestoreContext } from './ledger.ts';

type Failure = z.infer<typeof failureSchema>;

/** Keeps why an attempt failed; the first reason stands. */
export async function noteFailure(context: RestoreContext, failure: Failure): Promise<void> {
  try {
    await writeRecord(failureKey(context.restoreId, context.attempt), failure, { replaces: 'nothing' });
  } catch (error) {
    if (!(error instanceof RecordChanged)) throw error;
  }
}

export async function readFailure(context: RestoreContext): Promise<Failure | undefined> {
  return (await readRecord(failureKey(context.restoreId, context.attempt), failureSchema))?.value;
}

const lambdaCauseSchema = z.object({ errorMessage: z.string() });

/** The words for people in a state machine's Cause: Lambda wraps an error's message in JSON with its trace. */
export function readableCause(cause: string): string {
  try {
    return lambdaCauseSchema.parse(JSON.parse(cause)).errorMessage;
  } catch {
    return cause;
  }
}

/** An error's output in the States language; a timeout of Step Functions itself may carry no cause. */
export const stateErrorSchema = z.object({ Error: z.string(), Cause: z.string().default('') });
export type StateError = z.infer<typeof stateErrorSchema>;

/** How the execution ended, as the state machine or EventBridge's event tells it. */
export const endingSchema = z.object({
  executionArn: z.string(),
  executionName: z.string(),
  /** The execution's own input: an object inside the machine, a JSON string in EventBridge's event. */
  request: z.unknown(),
  state: z.object({
    /** What the restore failed with. */
    failure: stateErrorSchema.optional(),
    /** What starting the restored instance failed with. */
    startFailure: stateErrorSchema.optional(),
    /** What clean-up itself failed with. */
    cleanUpFailure: stateErrorSchema.optional(),
  }),
  /** Status of an execution that ended without cleaning up after itself. */
  endedAs: z.string().optional(),
});
export type Ending = z.infer<typeof endingSchema>;

const ABNORMAL_ENDS: Readonly<Record<string, string>> = {
  ABORTED: 'RestoreStopped',
  TIMED_OUT: 'RestoreTimedOut',
  FAILED: 'RestoreFailed',
};

/** What the execution failed with; undefined when it has not failed. */
export function failureOf({ state, endedAs, executionArn }: Ending): StateError | undefined {
  // One that succeeded is only cleaned up after, where its own clean-up could not finish.
  if (endedAs === undefined || endedAs === 'SUCCEEDED') return state.failure;
  return {
    Error: ABNORMAL_ENDS[endedAs] ?? 'RestoreFailed',
    Cause: `execution ${executionArn} ended as ${endedAs}`,
  };
}
