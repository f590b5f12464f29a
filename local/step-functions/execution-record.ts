import { z } from 'zod';

export const EXECUTION_STATUSES = ['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED'] as const;

export const executionRecordSchema = z.strictObject({
  arn: z.string(),
  name: z.string(),
  machineArn: z.string(),
  /** Which of the machine's definitions it runs. */
  revision: z.string(),
  status: z.enum(EXECUTION_STATUSES),
  startedMs: z.number(),
  endedMs: z.number().optional(),
  /** JSON. */
  input: z.string(),
  output: z.string().optional(),
  error: z.string().optional(),
  cause: z.string().optional(),
  /** Started by a rule of the event bus: an event happens once, so a stop of the region must not lose what it started. */
  byRule: z.literal(true).optional(),
});

/** Everything about an execution but its history. */
export type ExecutionRecord = z.infer<typeof executionRecordSchema>;

/** What is kept in memory of every execution. */
export type ExecutionSummary = Pick<
  ExecutionRecord,
  'arn' | 'name' | 'machineArn' | 'status' | 'startedMs' | 'endedMs'
>;

/** How an execution ended. */
export type Ending =
  | { readonly status: 'SUCCEEDED'; readonly output: string }
  | { readonly status: 'FAILED' | 'TIMED_OUT' | 'ABORTED'; readonly error?: string; readonly cause?: string };
