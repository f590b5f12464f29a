import { type IChainable, JsonPath, Parallel } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';

export interface AttemptOptions {
  readonly body: IChainable;
  /** What becomes of the state when the body succeeds: `keep` it as it was, or take this shape of the body's output. */
  readonly output: 'keep' | Readonly<Record<string, string>>;
  /** Where a failure goes, with `{ Error, Cause }` at `failureAt`. */
  readonly onFailure: IChainable;
  readonly failureAt: `$${string}`;
}

/**
 * A body whose every failure, also one by a Fail state of its own, goes to one place: a Parallel of one branch is
 * the try-block of the States language.
 */
export function attempt(scope: Construct, id: string, options: AttemptOptions): Parallel {
  const { body, output, onFailure, failureAt } = options;
  const block = new Parallel(
    scope,
    id,
    output === 'keep' ? { resultPath: JsonPath.DISCARD } : { resultSelector: { ...output } },
  );
  return block.branch(body).addCatch(onFailure, { resultPath: failureAt });
}
