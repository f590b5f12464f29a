import { LandfallError } from '../core/model/errors.ts';

/** What the command line ends with: 0 done, 1 failed, 2 bad request, 3 interrupted. */
export const EXIT = { done: 0, failed: 1, badRequest: 2, interrupted: 3 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** An error of the command line: what is wrong and where in the message, and what to do about it. */
export abstract class CommandError extends LandfallError {
  readonly exitCode: ExitCode = EXIT.failed;
  readonly nextStep: string;

  constructor(problem: string, nextStep: string, options?: ErrorOptions) {
    super(problem, options);
    this.nextStep = nextStep;
  }
}

/** The request itself cannot be carried out: a flag, a file or an id that is not what it should be. */
export class BadRequest extends CommandError {
  override readonly name = 'BadRequest';
  override readonly exitCode = EXIT.badRequest;
}

/** What was to be done is done, but what came out of it is not good. */
export class NotGood extends CommandError {
  override readonly name = 'NotGood';
}

/** A person or the system asked the command to stop. */
export class Interrupted extends CommandError {
  override readonly name = 'Interrupted';
  override readonly exitCode = EXIT.interrupted;
}
