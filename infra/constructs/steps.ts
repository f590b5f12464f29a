import { Duration } from 'aws-cdk-lib';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { JsonPath, TaskInput, Timeout } from 'aws-cdk-lib/aws-stepfunctions';
import { LambdaInvoke } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import type { Construct } from 'constructs';
import { RETRY, type RetryClass } from './retry.ts';

export interface StepFunction {
  readonly function: IFunction;
  readonly timeoutSeconds: number;
}

const ALWAYS = ['transient', 'concurrency', 'settling'] as const satisfies RetryClass[];

export interface StepOptions {
  /** Event of the Lambda; values that begin with `$` are paths into the state. */
  readonly payload: Readonly<Record<string, string | boolean>>;
  /** Where the answer goes; `discard` keeps the state as it is. */
  readonly result: `$${string}` | 'discard';
  /** `nothing`: the state ends with an empty object, whatever it began with. */
  readonly output?: 'nothing';
  /** Shape given to the answer before it goes there. */
  readonly resultSelector?: Readonly<Record<string, string>>;
  /** Retried besides what passes by itself. */
  readonly retry?: readonly Exclude<RetryClass, (typeof ALWAYS)[number]>[];
}

/** Turns step names into Task states: every one gets a timeout and a retry class, whoever writes the workflow. */
export class Steps {
  readonly #functions: ReadonlyMap<string, StepFunction>;

  constructor(functions: ReadonlyMap<string, StepFunction>) {
    this.#functions = functions;
  }

  /**
   * The Task state that calls step `step`. Its id begins with the step's name in Pascal case, so that state,
   * Lambda, file and heading in the docs are the same words.
   */
  task(scope: Construct, id: string, step: string, options: StepOptions): LambdaInvoke {
    const found = this.#functions.get(step);
    if (!found) throw new Error(`there is no step ${step}`);
    if (!id.startsWith(pascalCase(step))) throw new Error(`state ${id} must begin with ${pascalCase(step)}`);
    const task = new LambdaInvoke(scope, id, {
      lambdaFunction: found.function,
      payload: TaskInput.fromObject(options.payload),
      payloadResponseOnly: true,
      retryOnServiceExceptions: false,
      // The function ends first, with an error of its own that tells more; the rest is for starting it.
      taskTimeout: Timeout.duration(Duration.seconds(found.timeoutSeconds + 60)),
      resultPath: options.result === 'discard' ? JsonPath.DISCARD : options.result,
      ...(options.output === 'nothing' ? { outputPath: JsonPath.DISCARD } : {}),
      ...(options.resultSelector === undefined ? {} : { resultSelector: { ...options.resultSelector } }),
    });
    for (const name of [...ALWAYS, ...(options.retry ?? [])]) task.addRetry(RETRY[name]);
    return task;
  }
}

export function pascalCase(name: string): string {
  return name
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
}
