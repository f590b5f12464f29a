import { ordersKey } from '../../../core/model/helper.ts';
import { removeRecord } from '../../runtime/control-bucket.ts';
import { readPlan } from '../../runtime/ledger.ts';
import { folderOf } from '../helper/planned.ts';
import { gone, type Removal, type Removing } from './removal.ts';

/** Takes a helper's orders away: it ends itself without them, even where it cannot be terminated. */
export async function removeOrder({ context, entry, entries }: Removing): Promise<Removal> {
  const helper = entries.find(({ kind, name }) => kind === 'instance' && name === entry.name);
  const key =
    entry.resourceId ??
    (helper?.resourceId === undefined
      ? undefined
      : ordersKey(folderOf(await readPlan(context), helper.resourceId)));
  if (key === undefined) return gone;
  await removeRecord(key);
  return { outcome: 'gone', resourceId: key };
}
