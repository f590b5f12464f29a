import type { z } from 'zod';
import { type FunctionEnvironment, functionEnvironmentSchema } from '../../core/model/environment.ts';
import { LandfallError } from '../../core/model/errors.ts';
import { nameAwsError } from './aws-errors.ts';

/** The event is not what this step's state machine should have sent: a defect of ours, never retried. */
export class InvalidStepInput extends LandfallError {
  override readonly name = 'InvalidStepInput';
}

let parsedEnvironment: FunctionEnvironment | undefined;

/** The function's environment, parsed once per sandbox. */
export function environment(): FunctionEnvironment {
  parsedEnvironment ??= functionEnvironmentSchema.parse(process.env);
  return parsedEnvironment;
}

/** What Lambda tells a function about its run. */
export interface Invocation {
  /** Until Lambda ends it. */
  getRemainingTimeInMillis(): number;
}

/**
 * Makes the handler of a step: its event is parsed by `schema`, and an error of AWS gets the class of its
 * cause, whose name is what the state machine's Retry and Catch see.
 */
export function makeStep<Schema extends z.ZodType, Output>(
  schema: Schema,
  run: (input: z.output<Schema>, invocation: Invocation) => Promise<Output>,
): (event: unknown, invocation: Invocation) => Promise<Output> {
  return async (event, invocation) => {
    const parsed = schema.safeParse(event);
    if (!parsed.success) throw new InvalidStepInput(parsed.error.message);
    try {
      return await run(parsed.data, invocation);
    } catch (error) {
      throw nameAwsError(error);
    }
  };
}
