import { LandfallError } from '../../core/model/errors.ts';
import { type Claim, claimKey, claimSchema } from '../../core/model/restore-record.ts';
import { readRecord, writeRecord } from './control-bucket.ts';
import { RestoreClosing, type RestoreContext, readClaim } from './ledger.ts';

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

/**
 * The point of no return, in one conditional write: either this restore is handed over, or its clean-up has begun.
 * @throws RestoreClosing when clean-up was first, RecordChanged when both came at once
 */
export async function claimHandOver({ restoreId, attempt }: RestoreContext): Promise<void> {
  const { value, etag } = await readClaim(restoreId);
  if (value.attempt === attempt && value.handedOverAt !== undefined) return;
  if (value.attempt !== attempt || value.state !== 'open') {
    throw new RestoreClosing(`restore ${restoreId}, attempt ${attempt} is being cleaned up`);
  }
  await writeRecord(
    claimKey(restoreId),
    { ...value, handedOverAt: new Date().toISOString() },
    { replaces: etag },
  );
}

/** Moves a claim on, and returns it; moving it to the state it is in already is fine. @throws RecordChanged */
export async function moveClaim(restoreId: string, attempt: number, state: Claim['state']): Promise<Claim> {
  const { value, etag } = await readClaim(restoreId);
  if (value.attempt !== attempt || value.state === state) return value;
  const moved: Claim = {
    ...value,
    state,
    ...(state === 'closing' ? { closingAt: new Date().toISOString() } : {}),
  };
  await writeRecord(claimKey(restoreId), moved, { replaces: etag });
  return moved;
}
