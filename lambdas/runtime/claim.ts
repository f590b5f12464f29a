import { LandfallError } from '../../core/model/errors.ts';
import { type Claim, claimKey, claimSchema } from '../../core/model/restore-record.ts';
import { readRecord, writeRecord } from './control-bucket.ts';

/** Another execution works on this restore, or its leftovers are not cleaned up yet. */
export class RestoreInProgress extends LandfallError {
  override readonly name = 'RestoreInProgress';
}

/**
 * Takes a restore for an execution and returns the attempt's number. The same execution gets the same number again;
 * another one gets the next, once the one before is closed.
 * @throws RestoreInProgress
 */
export async function claimRestore({
  restoreId,
  executionArn,
  onFailure,
}: Pick<Claim, 'restoreId' | 'executionArn' | 'onFailure'>): Promise<number> {
  const key = claimKey(restoreId);
  const stored = await readRecord(key, claimSchema);
  if (stored?.value.executionArn === executionArn) return stored.value.attempt;
  if (stored && stored.value.state !== 'closed') {
    throw new RestoreInProgress(
      `restore "${restoreId}" is ${stored.value.state} in ${stored.value.executionArn}; ` +
        'wait until that has ended, or choose another restoreId',
    );
  }
  const claim: Claim = {
    restoreId,
    attempt: (stored?.value.attempt ?? 0) + 1,
    executionArn,
    claimedAt: new Date().toISOString(),
    state: 'open',
    onFailure,
  };
  await writeRecord(key, claim, { replaces: stored?.etag ?? 'nothing' });
  return claim.attempt;
}

/** Moves a claim on; moving it to the state it is in already is fine. */
export async function moveClaim(restoreId: string, attempt: number, state: Claim['state']): Promise<void> {
  const key = claimKey(restoreId);
  const stored = await readRecord(key, claimSchema);
  if (!stored || stored.value.attempt !== attempt || stored.value.state === state) return;
  await writeRecord(key, { ...stored.value, state }, { replaces: stored.etag });
}
