import { LandfallError } from '../../../core/model/errors.ts';

/** A batch's time is up, as it has to share the limits with others; its next try goes on where this one ended. */
export class BatchUnfinished extends LandfallError {
  override readonly name = 'BatchUnfinished';
  override readonly retryable = true;
}
