/**
 * What every error of Landfall is. One class per cause; `name` is also the error name that Step Functions
 * sees, so a Retry or Catch can tell causes apart. The message carries the ids; nothing decides by its text.
 */
export abstract class LandfallError extends Error {
  abstract override readonly name: string;
  /** Whether the same call may succeed when it is made again unchanged. */
  readonly retryable: boolean = false;
}
