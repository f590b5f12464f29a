/**
 * A failure as Amazon States Language knows it: `name` is the Error, `message` the Cause. The two flags are what
 * the interpreter asks whether Retry and Catch may match it at all.
 */
export class StateFailure extends Error {
  override readonly name: string;
  readonly isRetryable: boolean;
  readonly isCatchable: boolean;

  constructor(error: string, cause: string, options: { final?: boolean } = {}) {
    super(cause);
    this.name = error;
    this.isRetryable = options.final !== true;
    this.isCatchable = options.final !== true;
  }
}

/** What no Retry and no Catch may handle: a mistake in the definition that shows at run time. */
export function runtimeFailure(cause: string): StateFailure {
  return new StateFailure('States.Runtime', cause, { final: true });
}

export function intrinsicFailure(cause: string): StateFailure {
  return new StateFailure('States.IntrinsicFailure', cause);
}

/** AWS's quota on every state's input and output: UTF-8 bytes of its JSON. */
export const DATA_BYTES = 256 * 1024;

/** The value's JSON. @throws StateFailure States.DataLimitExceeded */
export function limitedText(value: unknown, what: string): string {
  const text = JSON.stringify(value ?? null);
  // A UTF-16 unit takes at most three bytes: short texts need no count.
  if (text.length * 3 > DATA_BYTES && Buffer.byteLength(text) > DATA_BYTES) {
    throw new StateFailure(
      'States.DataLimitExceeded',
      `${what} has a size exceeding the maximum number of bytes service limit.`,
      { final: true },
    );
  }
  return text;
}

/** Why running work ends although it did not fail by itself. No Retry and no Catch may take it for a failure. */
export abstract class Interruption extends Error {
  readonly isRetryable = false;
  readonly isCatchable = false;
}

/** The work was stopped; the signal's reason says why. */
export class Stopped extends Interruption {
  override readonly name = 'Stopped';
}

/** A sibling in a Map or Parallel has failed: what runs beside it ends. */
export class SiblingFailed extends Interruption {
  override readonly name = 'SiblingFailed';
}
